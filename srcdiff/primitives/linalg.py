"""Products of matrices and linear algebra: rows whose ops are calls of BLAS and LAPACK.

Sources. [G] M. Giles, An extended collection of matrix derivative results for forward and reverse mode algorithmic
differentiation, Oxford 2008. [M] I. Murray, Differentiation of the Cholesky decomposition, 2016. [W] S. Walter and
L. Lehmann, Algorithmic differentiation of linear algebra functions with application in optimum experimental design,
2010. [T] J. Townsend, Differentiating the singular value decomposition, 2016. [P] G. Golub and V. Pereyra, The
differentiation of pseudo-inverses and nonlinear least squares problems, 1973.

`cholesky` and `eigh` read the lower triangle of their operand, as LAPACK does, and the derivative is that of what is
read: it is zero above the diagonal. Where there is no derivative the result says so: eigenvectors of a repeated
eigenvalue, and singular vectors of a repeated or zero singular value, owe infinities or NaN (the values alone do not);
a singular matrix raises an error in `det`, `slogdet`, `inv` and `solve`; `pinv` and `lstsq` take the rank as constant.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import ARRAYS, STACKS, Expression, Product, steady, whole
from .matrices import (
    complement,
    diagonal,
    diagonal_of,
    from_lower,
    inner,
    lower_half,
    outer,
    over_gaps,
    upper_fold,
)


def sum_of(*terms: Any) -> Any:
    """The sum of those terms that are there."""
    total = None
    for term in terms:
        if term is not None:
            total = term if total is None else total + term
    return total


def product_tangent(t: Any, ans: Any, a: Any, b: Any) -> Any:
    to_a, to_b = t
    return sum_of(None if to_a is None else to_a @ b, None if to_b is None else a @ to_b)


# ------------------------------------------------------------------------------------------------ products


def product(name: str, signature: str, to_left: Any, points: list[dict[str, int]]) -> Any:
    """`a @ b` for a right operand of one kind; `to_left` is the rule of the matrix."""
    return whole(
        name,
        "{} @ {}",
        signature,
        to_left,
        lambda g, ans, a, b: a.T @ g,
        tangent=product_tangent,
        evaluate=np.matmul,
        points=points,
        precedence=10,
        numbers="any",
        doc="[G] 2.2.2",
    )


matmul = product(
    "matmul",
    "(m,k),(k,n)->(m,n)",
    lambda g, ans, a, b: g @ b.T,
    [{"m": 3, "k": 4, "n": 2}, {"m": 1, "k": 1, "n": 1}, {"m": 2, "k": 1, "n": 3}],
)
matvec = product(
    "matvec", "(m,k),(k)->(m)", lambda g, ans, a, x: outer(g, x), [{"m": 3, "k": 4}, {"m": 1, "k": 1}]
)


def stacked(name: str, at: str) -> None:
    """`a @ b` for stacks, along axes `at`."""
    points = [{"m": 3, "k": 4, "n": 2}, {"m": 1, "k": 1, "n": 1}, {"m": 5, "k": 9, "n": 6}]
    whole(
        name,
        f"{name}({{}}, {{}})",
        f"({at},m,k),({at},k,n)->({at},m,n)",
        lambda g, ans, a, b: g @ b.mT,
        lambda g, ans, a, b: a.mT @ g,
        tangent=product_tangent,
        evaluate=np.matmul,
        points=[{**dict.fromkeys(at.split(","), 2), **p} for p in points],
        numbers="any",
        doc="[G] 2.2.2, for each matrix",
    )


for name, at in zip(STACKS, ("a", "a,b"), strict=True):
    stacked(name, at)


OPPOSITE = {"lower": "upper", "upper": "lower"}


def triangular(side: str, strict: bool) -> None:
    """Products that read one triangle of the left matrix, and products of which one triangle is wanted.

    Of the transposed matrix it is the opposite triangle.
    """
    k = (-1 if side == "lower" else 1) * strict
    kept = np.tril if side == "lower" else np.triu
    points = [{"m": 4, "k": 3, "n": 2}, {"m": 1, "k": 1, "n": 1}, {"m": 18, "k": 19, "n": 3}]

    def row(of: str, side: str = side) -> Any:
        return ARRAYS[f"{'strictly_' * strict}{side}_{of}"]

    def part(a: Any, b: Any) -> Any:
        """The triangle of a product."""
        if not isinstance(a, Expression):
            return row("of_product")(a, b)
        return Product(a, b, (row("of_product").name, row("of_product", OPPOSITE[side]).name))

    def add(of: str, to_left: Any, to_right: Any, evaluate: Any) -> None:
        whole(
            f"{'strictly_' * strict}{side}_{of}",
            f"{side}_{of}({{}}, {{}}, {k})",
            "(m,k),(k,n)->(m,n)",
            to_left,
            to_right,
            tangent=lambda t, ans, a, b: sum_of(
                None if t[0] is None else row(of)(t[0], b), None if t[1] is None else row(of)(a, t[1])
            ),
            evaluate=evaluate,
            points=points,
            numbers="any",
            doc="[G] 2.2.2, for the elements of the triangle",
        )

    add(
        "product",
        lambda g, ans, a, b: part(g, b.T),
        lambda g, ans, a, b: row("product", OPPOSITE[side])(a.T, g),
        lambda a, b: kept(a, k) @ b,
    )
    add(
        "of_product",
        lambda g, ans, a, b: row("product")(g, b.T),
        lambda g, ans, a, b: row("product", OPPOSITE[side])(g.T, a).T,
        lambda a, b: kept(a @ b, k),
    )


for side in OPPOSITE:
    triangular(side, strict=False)
    triangular(side, strict=True)

PRODUCTS = ("matmul", "matvec", *STACKS, *(name for name in ARRAYS if name.endswith("_product")))


# --------------------------------------------------------------------------------------- inverses, systems


def regular(x: Any) -> Any:
    """A square matrix that is far from singular."""
    return x + 3.0 * np.eye(len(x)) if x.ndim == 2 and x.shape[0] == x.shape[1] else x


def perturbed(t: Any, x: Any) -> Any:
    """How the right side of `a x = b` moves for a fixed matrix: `b_dot - a_dot @ x`."""
    to_a, to_b = t
    if to_a is None:
        return to_b
    return -(to_a @ x) if to_b is None else to_b - to_a @ x


inv = whole(
    "inv",
    "np.linalg.inv({})",
    "(n,n)->(n,n)",
    lambda g, ans, a: -(ans.T @ g @ ans.T),
    tangent=lambda t, ans, a: -(ans @ t[0] @ ans),
    evaluate=np.linalg.inv,
    layouts="F",
    points=[{"n": 3}, {"n": 1}],
    sample=regular,
    numbers="any",
    doc="[G] 2.2.3",
)


def system(name: str, signature: str, points: list[dict[str, int]], layouts: str = "") -> Any:
    """`a x = b` for a right side of one kind."""
    row = whole(
        name,
        "np.linalg.solve({}, {})",
        signature,
        lambda g, ans, a, b: -outer(row(a.T, g), ans),
        lambda g, ans, a, b: row(a.T, g),
        tangent=lambda t, ans, a, b: row(a, perturbed(t, ans)),
        evaluate=np.linalg.solve,
        layouts=layouts,
        points=points,
        sample=regular,
        numbers="any",
        doc="[G] 2.3.1",
    )
    return row


solve = system("solve", "(n,n),(n,k)->(n,k)", [{"n": 3, "k": 2}, {"n": 1, "k": 1}], layouts="F")
solve_vector = system("solve_vector", "(n,n),(n)->(n)", [{"n": 3}, {"n": 1}])
det = whole(
    "det",
    "np.linalg.det({})",
    "(n,n)->()",
    lambda g, ans, a: g * ans * inv(a).T,
    tangent=lambda t, ans, a: ans * inner(inv(a).T, t[0]),
    evaluate=np.linalg.det,
    double=True,
    points=[{"n": 3}, {"n": 1}],
    sample=regular,
    numbers="any",
    doc="[G] 2.2.4",
)
slogdet = whole(
    "slogdet",
    "np.linalg.slogdet({})",
    "(n,n)->(),()",
    lambda g, ans, a: None if g[1] is None else g[1] * inv(a).T,
    tangent=lambda t, ans, a: (None, inner(inv(a).T, t[0])),
    evaluate=lambda a: tuple(np.linalg.slogdet(a)),
    double=True,
    points=[{"n": 3}, {"n": 1}],
    sample=regular,
    doc="[G] 2.2.4; the sign has derivative zero",
)


def pinv_rule(g: Any, p: Any, a: Any) -> Any:
    """[P] (4.12)"""
    along = -(p.T @ g @ p.T)
    left = complement(a @ p) @ (g.T @ p @ p.T)
    return along + left + p.T @ p @ g.T @ complement(p @ a)


def pinv_tangent(t: Any, p: Any, a: Any) -> Any:
    """[P] (4.12)"""
    flipped = t[0].T
    along = -(p @ t[0] @ p)
    return along + p @ p.T @ flipped @ complement(a @ p) + complement(p @ a) @ flipped @ p.T @ p


pinv = whole(
    "pinv",
    "np.linalg.pinv({})",
    "(m,n)->(n,m)",
    pinv_rule,
    tangent=pinv_tangent,
    evaluate=np.linalg.pinv,
    layouts="F",
    points=[{"m": 4, "n": 2}, {"m": 2, "n": 4}, {"m": 3, "n": 3}],
    doc="[P] (4.12), for constant rank",
)


def lstsq_matrix_rule(g: Any, x: Any, a: Any, b: Any) -> Any:
    """[P] (4.12) applied to `pinv(a) @ b`."""
    p = pinv(a)
    owed = steady(p.T @ g)
    return outer(p.T @ x, g - a.T @ owed) - outer(owed, x) + outer(b - a @ x, p @ owed)


def lstsq_tangent(t: Any, x: Any, a: Any, b: Any) -> Any:
    """[P] (4.12) applied to `pinv(a) @ b`, and `pinv(a) @ b_dot`."""
    p = pinv(a)
    moved = p @ perturbed(t, x)
    if t[0] is None:
        return moved
    flipped = t[0].T
    aside = flipped @ (p.T @ x)
    return moved + p @ (p.T @ (flipped @ (b - a @ x))) + (aside - p @ (a @ aside))


def least_squares(name: str, signature: str, points: list[dict[str, int]]) -> Any:
    """The solution of smallest norm for a right side of one kind."""
    return whole(
        name,
        "np.linalg.lstsq({}, {})[0]",
        signature,
        lstsq_matrix_rule,
        lambda g, ans, a, b: pinv(a).T @ g,
        tangent=lstsq_tangent,
        evaluate=lambda a, b: np.linalg.lstsq(a, b, rcond=None)[0],
        points=points,
        doc="the solution of smallest norm, for constant rank",
    )


lstsq = least_squares("lstsq", "(m,n),(m,k)->(n,k)", [{"m": 5, "n": 3, "k": 2}, {"m": 2, "n": 3, "k": 2}])
lstsq_vector = least_squares("lstsq_vector", "(m,n),(m)->(n)", [{"m": 5, "n": 3}, {"m": 2, "n": 3}])

# ------------------------------------------------------------------------------------------ decompositions


def positive(x: Any) -> Any:
    """A symmetric positive definite matrix."""
    return x @ x.T + len(x) * np.eye(len(x))


def symmetric(x: Any) -> Any:
    """A symmetric matrix whose eigenvalues are apart."""
    return 0.1 * (x + x.T) + np.diag(np.arange(len(x)) + 1.0)


def read_below(x: Any) -> Any:
    """What is owed to a symmetric matrix, given to the triangle that is read."""
    x = steady(x)
    return lower_half(x + x.T)


def cholesky_rule(g: Any, ans: Any, a: Any) -> Any:
    """[M] (9) and (10)"""
    inner = lower_half(ans.T @ g)
    return read_below(solve(ans.T, solve(ans.T, inner.T).T))


def cholesky_tangent(t: Any, ans: Any, a: Any) -> Any:
    """[M] (8)"""
    inside = solve(ans, solve(ans, from_lower(t[0])).T)
    return ans @ lower_half(inside)


cholesky = whole(
    "cholesky",
    "np.linalg.cholesky({})",
    "(n,n)->(n,n)",
    cholesky_rule,
    tangent=cholesky_tangent,
    evaluate=np.linalg.cholesky,
    points=[{"n": 3}, {"n": 1}],
    sample=positive,
    doc="[M] (9) and (10)",
)


def eigh_rule(g: Any, ans: Any, a: Any) -> Any:
    """[G] 3.1, with orthogonal eigenvectors"""
    (to_values, to_vectors), (values, vectors) = g, ans
    if to_vectors is None:
        return read_below((vectors * to_values) @ vectors.T)
    inner = over_gaps(vectors.T @ to_vectors, values)
    if to_values is not None:
        inner = inner + diagonal(to_values)
    return read_below(vectors @ inner @ vectors.T)


def eigh_tangent(t: Any, ans: Any, a: Any) -> Any:
    """[G] 3.1"""
    values, vectors = ans
    turned = steady(vectors.T @ from_lower(t[0]) @ vectors)
    return diagonal_of(turned), vectors @ over_gaps(turned, values)


eigh = whole(
    "eigh",
    "np.linalg.eigh({})",
    "(n,n)->(n),(n,n)",
    eigh_rule,
    tangent=eigh_tangent,
    evaluate=lambda a: tuple(np.linalg.eigh(a)),
    layouts="CF",
    points=[{"n": 3}, {"n": 1}],
    sample=symmetric,
    doc="[G] 3.1",
)


def svd_rule(g: Any, ans: Any, a: Any) -> Any:
    """[T] (26) to (28)"""
    (to_u, to_s, to_vt), (u, s, vt) = g, ans
    core, beside = None if to_s is None else diagonal(to_s), []
    if to_u is not None:
        skew = steady(u.T @ to_u)
        core = sum_of(core, over_gaps(skew - skew.T, s * s) * s)
        outside = (to_u - u @ skew) / s
        beside.append(outside @ vt)
    if to_vt is not None:
        skew = steady(vt @ to_vt.T)
        core = sum_of(core, (over_gaps(skew - skew.T, s * s).T * s).T)
        outside = ((to_vt - skew.T @ vt).T / s).T
        beside.append(u @ outside)
    total = u @ core @ vt
    for part in beside:
        total = total + part
    return total


def svd_tangent(t: Any, ans: Any, a: Any) -> Any:
    """[T] (15) to (20)"""
    u, s, vt = ans
    along, across = steady(t[0] @ vt.T), steady(u.T @ t[0])
    core = steady(across @ vt.T)
    scaled, mirrored = steady(core * s), steady((core.T * s).T)
    to_u = u @ over_gaps(scaled + scaled.T, s * s) + (along - u @ core) / s
    outside = ((across - core @ vt).T / s).T
    to_vt = over_gaps(mirrored + mirrored.T, s * s).T @ vt + outside
    return to_u, diagonal_of(core), to_vt


svd = whole(
    "svd",
    "np.linalg.svd({}, False)",
    "(m,n)->(m,min),(min),(min,n)",
    svd_rule,
    tangent=svd_tangent,
    evaluate=lambda a: tuple(np.linalg.svd(a, full_matrices=False)),
    layouts="FCF",
    points=[{"m": 4, "n": 3}, {"m": 3, "n": 4}, {"m": 3, "n": 3}],
    doc="[T] (26) to (28)",
)


def qr_rule(g: Any, ans: Any, a: Any) -> Any:
    """[W] (5.15)"""
    (to_q, to_r), (q, r) = g, ans
    middle = None if to_r is None else r @ to_r.T
    if to_q is not None:
        middle = -(to_q.T @ q) if middle is None else middle - to_q.T @ q
    inner = q @ from_lower(middle)
    if to_q is not None:
        inner = to_q + inner
    return solve(r, inner.T).T


def qr_tangent(t: Any, ans: Any, a: Any) -> Any:
    """[W] (5.11) to (5.14)"""
    q, r = ans
    moved = steady(solve(r.T, t[0].T).T)
    folded = steady(upper_fold(q.T @ moved))
    return moved - q @ folded, folded @ r


qr = whole(
    "qr",
    "np.linalg.qr({})",
    "(m,n)->(m,min),(min,n)",
    qr_rule,
    tangent=qr_tangent,
    evaluate=lambda a: tuple(np.linalg.qr(a)),
    layouts="AF",
    points=[{"m": 4, "n": 3}, {"m": 3, "n": 3}],
    doc="[W] (5.15); of a matrix with fewer rows than columns it is not known, and `solve` raises an error",
)
