"""Log-likelihood of a Gaussian mixture with full precision factors and a Wishart prior.

Component c has weight alpha[c], mean means[c] and the lower triangular factor Q_c whose diagonal is
exp(icf[c, :d]) and whose strict lower part is packed column by column in icf[c, d:]. The logarithm of
a density is sum(icf[c, :d]) - |Q_c (x_i - mean)|^2 / 2 up to constants. Differentiated by alphas, means
and icf. F. Srajer, Z. Kukelova, A. Fitzgibbon, "A benchmark of selected algorithmic differentiation tools
on some problems in computer vision and machine learning", Optim. Methods Softw. 33 (2018), section 4.1;
like that paper's code, the products run down the packed columns.
"""

import math

import numpy as np

ARGNUMS = (0, 1, 2)
SIZES = [(125, 10, 25), (250, 10, 25), (500, 10, 25), (1_000, 10, 25)]
REPORT_SIZES = [(1_000, 10, 25), (1_000, 64, 100)]


def make(size, rng):
    n, d, k = size
    packed = d + d * (d - 1) // 2
    icf = rng.standard_normal((k, packed)) * 0.5 / math.sqrt(d)
    return rng.standard_normal(k), rng.standard_normal((k, d)), icf, rng.standard_normal((n, d)), 1.0, 0


def primal(alphas, means, icf, x, gamma, m):
    n = x.shape[0]
    d = x.shape[1]
    k = alphas.shape[0]
    diagonal = np.empty((k, d))
    columns = np.empty((k, d, d))
    log_det = np.empty(k)
    prior = 0.0
    for c in range(k):
        log_det[c] = 0.0
        for j in range(d):
            diagonal[c, j] = math.exp(icf[c, j])
            log_det[c] += icf[c, j]
            prior += 0.5 * gamma * gamma * diagonal[c, j] * diagonal[c, j]
        prior -= m * log_det[c]
        p = d
        for j in range(d):
            for r in range(j + 1, d):
                columns[c, j, r] = icf[c, p]
                prior += 0.5 * gamma * gamma * icf[c, p] * icf[c, p]
                p += 1
    centered = np.empty(d)
    q = np.empty(d)
    term = np.empty(k)
    total = 0.0
    for i in range(n):
        for c in range(k):
            for j in range(d):
                centered[j] = x[i, j] - means[c, j]
                q[j] = diagonal[c, j] * centered[j]
            for j in range(d):
                for r in range(j + 1, d):
                    q[r] += columns[c, j, r] * centered[j]
            square = 0.0
            for j in range(d):
                square += q[j] * q[j]
            term[c] = alphas[c] + log_det[c] - 0.5 * square
        largest = term[0]
        for c in range(1, k):
            if term[c] > largest:
                largest = term[c]
        likelihood = 0.0
        for c in range(k):
            likelihood += math.exp(term[c] - largest)
        total += largest + math.log(likelihood)
    largest = alphas[0]
    for c in range(1, k):
        if alphas[c] > largest:
            largest = alphas[c]
    mass = 0.0
    for c in range(k):
        mass += math.exp(alphas[c] - largest)
    freedom = d + m + 1
    constant = freedom * d * (math.log(gamma) - 0.5 * math.log(2.0)) - 0.25 * d * (d - 1) * math.log(math.pi)
    for j in range(d):
        constant -= math.lgamma(0.5 * (freedom - j))
    return (
        total - n * (largest + math.log(mass)) - 0.5 * n * d * math.log(2.0 * math.pi) + prior - k * constant
    )


def hand(alphas, means, icf, x, gamma, m):
    n, d = x.shape
    k = alphas.shape[0]
    alphas_bar = np.zeros(k)
    means_bar = np.zeros((k, d))
    icf_bar = np.zeros(icf.shape)
    log_det = np.empty(k)
    # Columns of the factors with their zeros: full-length loops vectorise without a remainder, and that
    # pays for the products with zero.
    columns = np.zeros((k, d, d))
    factor_bar = np.zeros((k, d, d))
    prior = 0.0
    for c in range(k):
        row = icf[c]
        row_bar = icf_bar[c]
        log_det[c] = 0.0
        for j in range(d):
            diagonal = math.exp(row[j])
            columns[c, j, j] = diagonal
            log_det[c] += row[j]
            prior += 0.5 * gamma * gamma * diagonal * diagonal
            row_bar[j] = gamma * gamma * diagonal * diagonal - m
        prior -= m * log_det[c]
        p = d
        for j in range(d):
            for r in range(j + 1, d):
                columns[c, j, r] = row[p]
                prior += 0.5 * gamma * gamma * row[p] * row[p]
                row_bar[p] = gamma * gamma * row[p]
                p += 1
    centered_tape = np.empty((k, d))
    q_tape = np.empty((k, d))
    q_bar_sum = np.zeros((k, d))
    term = np.empty(k)
    total = 0.0
    for i in range(n):
        point = x[i]
        for c in range(k):
            mean = means[c]
            factor = columns[c]
            centered = centered_tape[c]
            q = q_tape[c]
            for j in range(d):
                q[j] = 0.0
            for j in range(d):
                column = factor[j]
                step = point[j] - mean[j]
                centered[j] = step
                for r in range(d):
                    q[r] += column[r] * step
            square = 0.0
            for j in range(d):
                square += q[j] * q[j]
            term[c] = alphas[c] + log_det[c] - 0.5 * square
        largest = term[0]
        for c in range(1, k):
            if term[c] > largest:
                largest = term[c]
        likelihood = 0.0
        for c in range(k):
            e = math.exp(term[c] - largest)
            term[c] = e
            likelihood += e
        total += largest + math.log(likelihood)
        # The cotangent of a log-likelihood is 1: this observation can be reversed at once, and only the
        # k x d differences and products of the forward body are kept.
        for c in range(k):
            term_bar = term[c] / likelihood
            alphas_bar[c] += term_bar
            centered = centered_tape[c]
            q = q_tape[c]
            q_sum = q_bar_sum[c]
            rows_bar = factor_bar[c]
            for r in range(d):
                q_bar = -term_bar * q[r]
                q_sum[r] += q_bar
                row_bar = rows_bar[r]
                for j in range(r + 1):
                    row_bar[j] += q_bar * centered[j]
    largest = alphas[0]
    for c in range(1, k):
        if alphas[c] > largest:
            largest = alphas[c]
    mass = 0.0
    for c in range(k):
        mass += math.exp(alphas[c] - largest)
    for c in range(k):
        row_bar = icf_bar[c]
        for j in range(d):
            # The factor does not depend on the observation: one product with the summed cotangents.
            mean_bar = 0.0
            for r in range(j, d):
                mean_bar -= columns[c, j, r] * q_bar_sum[c, r]
            means_bar[c, j] = mean_bar
            row_bar[j] += alphas_bar[c] + factor_bar[c, j, j] * columns[c, j, j]
        p = d
        for j in range(d):
            for r in range(j + 1, d):
                row_bar[p] += factor_bar[c, r, j]
                p += 1
        alphas_bar[c] -= n * math.exp(alphas[c] - largest) / mass
    freedom = d + m + 1
    constant = freedom * d * (math.log(gamma) - 0.5 * math.log(2.0)) - 0.25 * d * (d - 1) * math.log(math.pi)
    for j in range(d):
        constant -= math.lgamma(0.5 * (freedom - j))
    value = (
        total - n * (largest + math.log(mass)) - 0.5 * n * d * math.log(2.0 * math.pi) + prior - k * constant
    )
    return value, (alphas_bar, means_bar, icf_bar)


def _constant(n, d, k, log_gamma, m):
    freedom = d + m + 1
    constant = freedom * d * (log_gamma - 0.5 * math.log(2.0)) - 0.25 * d * (d - 1) * math.log(math.pi)
    constant -= sum(math.lgamma(0.5 * (freedom - j)) for j in range(d))
    return -0.5 * n * d * math.log(2.0 * math.pi) - k * constant


def _packed_positions(d):
    """Row and column in Q of every packed element."""
    column, row = np.triu_indices(d, 1)
    return row, column


def jax_loss(alphas, means, icf, x, gamma, m):
    import jax
    import jax.numpy as jnp
    from jax.scipy.special import logsumexp

    n, d = x.shape
    k = alphas.shape[0]
    row, column = _packed_positions(d)
    diagonal = jnp.exp(icf[:, :d])
    log_det = jnp.sum(icf[:, :d], axis=1)

    def log_density(alpha, mean, below, on, log_det):
        factor = jnp.diag(on).at[row, column].set(below)
        q = (x - mean) @ factor.T
        return alpha + log_det - 0.5 * jnp.sum(q * q, axis=1)

    terms = jax.vmap(log_density)(alphas, means, icf[:, d:], diagonal, log_det)
    prior = 0.5 * gamma**2 * (jnp.sum(diagonal**2) + jnp.sum(icf[:, d:] ** 2)) - m * jnp.sum(log_det)
    total = jnp.sum(logsumexp(terms, axis=0)) - n * logsumexp(alphas)
    return total + prior + _constant(n, d, k, jnp.log(gamma), m)


def torch_loss(alphas, means, icf, x, gamma, m):
    import torch

    n, d = x.shape
    k = alphas.shape[0]
    row, column = (torch.as_tensor(index) for index in _packed_positions(d))
    diagonal = torch.exp(icf[:, :d])
    log_det = icf[:, :d].sum(1)
    factor = torch.diag_embed(diagonal)
    factor = factor.index_put((torch.arange(k)[:, None], row[None, :], column[None, :]), icf[:, d:])
    q = torch.matmul(x[None] - means[:, None], factor.transpose(1, 2))
    terms = alphas[:, None] + log_det[:, None] - 0.5 * (q * q).sum(2)
    prior = 0.5 * gamma**2 * ((diagonal**2).sum() + (icf[:, d:] ** 2).sum()) - m * log_det.sum()
    total = torch.logsumexp(terms, 0).sum() - n * torch.logsumexp(alphas, 0)
    return total + prior + _constant(n, d, k, math.log(gamma), m)


def autograd_loss(alphas, means, icf, x, gamma, m):
    import autograd.numpy as anp
    from autograd.scipy.special import logsumexp

    n, d = x.shape
    k = alphas.shape[0]
    row, column = _packed_positions(d)
    # Autograd has no indexed assignment: the packed part is spread by a gather with a mask.
    place = np.zeros((d, d), dtype=np.intp)
    place[row, column] = np.arange(row.size)
    below = np.tril(np.ones((d, d)), -1)
    diagonal = anp.exp(icf[:, :d])
    log_det = anp.sum(icf[:, :d], axis=1)
    terms = []
    for c in range(k):
        factor = anp.diag(diagonal[c])
        if d > 1:
            factor = factor + below * icf[c, d:][place]
        q = anp.dot(x - means[c], factor.T)
        terms.append(alphas[c] + log_det[c] - 0.5 * anp.sum(q * q, axis=1))
    prior = 0.5 * gamma**2 * (anp.sum(diagonal**2) + anp.sum(icf[:, d:] ** 2)) - m * anp.sum(log_det)
    total = anp.sum(logsumexp(anp.stack(terms), axis=0)) - n * logsumexp(alphas)
    return total + prior + _constant(n, d, k, math.log(gamma), m)
