"""Programs from real inputs to a real result with complex numbers in between, as in physics and engineering."""

import cmath
import math

import numpy as np

from tests.programs.table import case, numbers

ROOTS = np.exp(2j * np.pi * np.arange(3) / 3)
HALF = 0.5 - 0.25j

# ------------------------------------------------------------------------------------------- complex scalars


def damped_oscillator(mass, damping, stiffness, times):
    root = cmath.sqrt(damping**2 - 4.0 * mass * stiffness)
    first, second = (-damping + root) / (2.0 * mass), (-damping - root) / (2.0 * mass)
    total = 0.0
    for t in times:
        x = (second * np.exp(first * t) - first * np.exp(second * t)) / (second - first)
        total += x.real**2
    return total


def impedance_network(r, l, c, omega):
    coil = 1j * omega * l + r
    capacitor = 1.0 / (1j * omega * c)
    parallel = coil * capacitor / (coil + capacitor)
    voltage = parallel / (50.0 + parallel)
    return abs(voltage) ** 2 + 0.1 * np.angle(voltage)


def fresnel_reflectance(n, k, incidence):
    index = complex(n, k)
    sine = np.sin(incidence) / index
    inside = np.sqrt(1.0 - sine**2)
    outside = np.cos(incidence)
    senkrecht = (outside - index * inside) / (outside + index * inside)
    parallel = (index * outside - inside) / (index * outside + inside)
    return 0.5 * (abs(senkrecht) ** 2 + abs(parallel) ** 2)


def escape_potential(x, y, n):
    c = x + 1j * y
    z = 0j
    count = 0
    while abs(z) < 100.0 and count < n:
        z = z * z + c
        count += 1
    return math.log(abs(z)) / 2.0**count


def newton_root(a, b):
    z = 1.0 + 1.0j
    for _ in range(12):
        z = z - (z**3 + a * z - b) / (3.0 * z**2 + a)
    return z.real * z.imag


def moebius(x, y):
    z = x + 1j * y
    w = (2.0 * z - 1j) / (z + (1.5 - 0.5j))
    return w.real**2 - w.imag * w.conjugate().real + abs(w - HALF)


def elementary(x, y):
    z = complex(x, y)
    total = 0.0
    total += np.exp(z).imag + np.log(z).real + np.sqrt(z).imag + np.log10(z).imag + np.log2(z).real
    total += np.sin(z).real + np.cos(z).imag + np.tan(z).real + np.sinh(z).imag + np.cosh(z).real
    total += np.tanh(z).imag + np.arcsin(z).real + np.arccos(z).imag + np.arctan(z).real + np.arcsinh(z).imag
    total += np.arccosh(z).real + np.arctanh(z).imag + np.expm1(z).real + np.log1p(z).imag + np.exp2(z).real
    return total + np.square(z).imag + np.reciprocal(z).real


def powers(x, y):
    z = x + 1j * y
    return (
        (z**2 + z**-1 + z**0.5 + z ** (1.0 + 0.5j) + x**z + 2.0**z + z**x + (-x) ** (z * 1.0)) * (0.4 - 1j)
    ).real


def parts(x, y):
    z = complex(x, y)
    w = np.conj(z) * z.imag + np.real(z) * 1j + np.conjugate(z).imag * np.imag(1j * z)
    return w.real * np.abs(w) + w.imag


def polar_form(r, phi):
    z = cmath.rect(r, phi) + cmath.exp(1j * phi) * 0.3
    size, angle = cmath.polar(z)
    return size * angle + cmath.phase(z**2) + cmath.log(z, 2.0).real + cmath.sqrt(-r).imag


def mixed_types(x, n):
    z = 1j
    for i in range(n):
        z = z * (i + 1) + x * (2 - 1j) - i
    return (z / 3).real + (3 / z).imag + (True * z).real


def real_becomes_complex(x, n):
    s = 0.0
    for i in range(n):
        s += x * 1j**i / (i + 1)
    return s.real + s.imag**2


def branches(x, y):
    z = x + 1j * y
    if z.real > 0.5:
        w = z * z
    else:
        w = x * 1.0
    v = np.exp(w) if y > 0 else 1j
    return (v * z).imag + (v == 1j) * x + abs(w if x != y else 2.0)


def abs_at_zero(x):
    z = 1j * x
    return abs(z) + abs(z * z) + np.exp(x)


def squared_abs_at_zero(x, y):
    z = complex(x, y)
    return abs(z) ** 2 + np.square(np.abs(z)) + (z * z.conjugate()).real


def early_return(x, y):
    z = x + 1j * y
    for k in range(30):
        if z.imag > 1.0:
            return (z * np.exp(-z)).real * k
        z = z * (1.05 + 0.1j)
    return z.real


def single_precision(x, a):
    z = a * np.complex64(0.5 + 1.0j) + x
    s = np.complex64(0)
    for i in range(len(a)):
        s += z[i] ** 2 * 0.5 + np.exp(z[i] * 1j) / (2 * i + 1)
    return abs(s) + np.angle(s) * np.sum(np.abs(z))


def widths_mixed(x, a):
    z = np.complex64(1j) * a + x * 1j
    w = z.astype(np.complex128) * x
    return np.sum(w * w).real + z[0].imag


def with_a_callee(x, y):
    def rotated(z, angle):
        return z * np.exp(1j * angle)

    z = rotated(x + 1j * y, x * y)
    return rotated(z, 0.5).real + abs(rotated(z, y)) * z.imag


def inactive_complex_argument(x, z):
    return abs(z * x + ROOTS[1] * x**2) + (z * np.exp(1j * x)).imag


def best_of_complex(a, x):
    best = 1e30
    for i in range(len(a)):
        z = a[i] + 1j * x * i
        distance = abs(z - (0.3 + 0.4j)) ** 2
        if distance < best:
            best = distance
    return best


# -------------------------------------------------------------------------------------------- complex arrays


def power_spectrum(x, w):
    n = len(x)
    total = 0.0
    for k in range(n):
        s = 0j
        for j in range(n):
            s += x[j] * np.exp(-2j * np.pi * j * k / n)
        total += w[k] * abs(s) ** 2
    return total


def radix_two_transform(x, w):
    n = len(x)
    y = x.astype(np.complex128)
    z = np.empty(n, np.complex128)
    half, stride = n // 2, 1
    while half >= 1:
        for p in range(half):
            turn = np.exp(-1j * np.pi * p / half)
            for q in range(stride):
                a, b = y[q + stride * p], y[q + stride * (p + half)]
                z[q + stride * 2 * p] = a + b
                z[q + stride * (2 * p + 1)] = (a - b) * turn
        y, z = z, y
        half, stride = half // 2, stride * 2
    return np.sum(np.abs(y) ** 2 * w)


def transform_in_stages(x, w, R, K):
    N = len(x)
    grid = np.arange(R)
    matrix = np.exp(-2.0j * np.pi * grid[:, None] * grid[None, :] / R)
    y = x * (1.0 + 0j)
    left, right = 1, N // R
    for _ in range(K):
        stage = np.zeros((R, left * right), dtype=np.complex128)
        for j in range(R):
            for p in range(left):
                turn = np.exp(-2.0j * np.pi * j * p / (left * R))
                for q in range(right):
                    stage[j, p * right + q] = y[(p * R + j) * right + q] * turn
        y = (matrix @ stage).reshape(N)
        left, right = left * R, right // R
    return np.sum(w * y.real) + np.sum(y.imag**2)


def stockham(xr, xi, R, K):
    N = len(xr)
    grid = np.arange(R)
    dft_mat = np.exp(-2.0j * np.pi * grid[:, None] * grid[None, :] / R)
    y = xr + 1j * xi
    for i in range(K):
        yv = np.reshape(y, (R**i, R, R ** (K - i - 1)))
        tmp_perm = np.transpose(yv, axes=(1, 0, 2))
        D = np.empty((R, R**i, R ** (K - i - 1)), dtype=np.complex128)
        tmp = np.exp(-2.0j * np.pi * grid[:, None] * np.arange(R**i)[None, :] / R ** (i + 1))
        D[:] = np.repeat(np.reshape(tmp, (R, R**i, 1)), R ** (K - i - 1), axis=2)
        tmp_twid = np.reshape(tmp_perm, (N,)) * np.reshape(D, (N,))
        y[:] = np.reshape(dft_mat @ np.reshape(tmp_twid, (R, R ** (K - 1))), (N,))
    return np.sum(np.abs(y) ** 2 * np.arange(N)) + y[1].real


def transfer_matrices(n, thickness, wavelength):
    m = np.eye(2, dtype=np.complex128)
    for j in range(len(n)):
        index = n[j] - 0.1j
        phase = 2.0 * np.pi * index * thickness[j] / wavelength
        layer = np.empty((2, 2), dtype=np.complex128)
        layer[0, 0] = np.cos(phase)
        layer[0, 1] = 1j * np.sin(phase) / index
        layer[1, 0] = 1j * index * np.sin(phase)
        layer[1, 1] = np.cos(phase)
        m = m @ layer
    b = m[0, 0] + m[0, 1] * 1.5
    c = m[1, 0] + m[1, 1] * 1.5
    r = (b - c) / (b + c)
    return abs(r) ** 2


def contour_integral(H, slabs, points, m):
    n = H.shape[1]
    p0, p1 = np.zeros((n, n), dtype=np.complex128), np.zeros((n, n), dtype=np.complex128)
    for k in range(points.shape[0]):
        z = points[k]
        t = np.zeros((n, n), dtype=np.complex128)
        for j in range(slabs + 1):
            t += np.power(z, slabs / 2 - j) * H[j]
        x = np.linalg.inv(t) if m == 0 else np.linalg.solve(t, H[0] + 1j * H[1])
        if abs(z) < 1.0:
            x = -x
        p0 += x
        p1 += z * x
    return np.sum(np.abs(p0) ** 2) + np.sum(p1).real


def nodal_analysis(g, c, current, omega):
    n = len(current)
    y = np.zeros((n, n), dtype=np.complex128)
    for i in range(n):
        y[i, i] += g[i] + 1j * omega * c[i]
        if i > 0:
            link = 0.5 * g[i] + 0.2j * omega * c[i - 1]
            y[i, i] += link
            y[i - 1, i - 1] += link
            y[i, i - 1] -= link
            y[i - 1, i] -= link
    v = np.linalg.solve(y, current * (1.0 + 0.5j))
    return np.sum(np.abs(v)) + abs(np.linalg.det(y))


def expectation(a, b):
    state = a + 1j * b
    hermitian = np.outer(a, a) + 1j * (np.outer(a, b) - np.outer(b, a))
    return (np.vdot(state, hermitian @ state) / np.vdot(state, state)).real


def evolution(psi, potential, steps):
    n = len(psi)
    u = psi + 0j
    for _ in range(steps):
        u = u * np.exp(-0.05j * potential)
        v = u.copy()
        v[1:-1] += 0.05j * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u = v
    return np.sum(np.arange(n) * (u.real**2 + u.imag**2))


def spin_chain(theta):
    up = np.zeros(2, np.complex128)
    up[0] = 1.0
    for t in theta:
        c, s = np.cos(0.5 * t), np.sin(0.5 * t)
        up = np.array([[c, -1j * s], [-1j * s, c]]) @ up
        up[1] *= np.exp(0.3j * t)
    return abs(up[1]) ** 2 + up[0].imag


def reductions(a, b):
    z = a + 1j * b
    found = np.sum(z) * np.mean(z) + np.prod(z) + np.cumsum(z)[-2] + z.sum() * z.mean() + np.dot(z, a) + z @ z
    return found.real + np.var(z) + np.std(z) + np.linalg.norm(z) + np.linalg.norm(z, 1) + np.abs(z).max()


def along_axes(m):
    z = m * (1.0 + 0.5j * m)
    means = np.mean(z, axis=0)
    return np.sum(np.abs(means - np.sum(z, axis=1, keepdims=True)) ** 2) + np.linalg.norm(z)


def products(m, v):
    a = m + 1j * m.T
    w = a @ v + v @ a + (a.conj().T @ (1j * v)) + np.inner(a, v)
    k = np.einsum("ij,jk,k->i", a, a, v) + np.tensordot(a, v * 1j, 1)
    return np.sum(np.abs(w)) + np.sum((a @ a) * np.kron(v, v).reshape(a.shape)).imag + np.vdot(k, w).real


def matrix_functions(m, v):
    a = m + 1j * m.T + 4.0 * np.eye(len(v))
    b = np.linalg.inv(a) @ np.linalg.solve(a, v + 1j)
    return np.sum(b).real + np.linalg.det(a).imag + np.trace(np.linalg.matrix_power(a, 3)).real


def rearranged(a, b):
    z = a + 1j * b
    y = np.concatenate((z[::-1], np.conj(z), a))
    y[2:5] = z[:3] * 2.0
    y[0] = a[1]
    y[-1] += 1j
    m = np.where(b > 0, z, a)
    s = np.stack((m, np.roll(z, 1)))
    return np.sum(y * np.arange(len(y))).imag + np.sum(s[0] * s[1].conj()).real + np.sum(s.T[1] ** 2).imag


def parts_of_arrays(a, b):
    z = a * np.exp(1j * b)
    total = np.sum(z.real * b) + np.sum(np.imag(z) ** 2) + np.sum(np.angle(z) * a) + z.real[1] * z.imag[-1]
    for i in range(len(a)):
        total += z.imag[i] * z[i].real
    return total


def complex_in_place(a, n):
    z = np.zeros(len(a), dtype=np.complex128)
    z[:] = a
    for _ in range(n):
        for i in range(1, len(z)):
            z[i] = z[i] * z[i - 1] + 0.5j
        z *= 0.9 - 0.1j
        z[0] += np.sum(z) / len(z)
    return np.sum(np.abs(z))


def picked(a, index):
    z = a * 1j + a[::-1]
    y = np.zeros(4, np.complex128)
    for k in range(len(index)):
        y[index[k]] += z[k] * z[index[k]]
    y[a[:4] > 0] *= 2.0
    return np.sum(np.abs(y[index]) ** 2)


def list_of_complex(x):
    terms = [np.exp(1j * k * x) for k in range(5)]
    return sum(terms).real + abs(terms[3] * 2.0 + terms[1])


def captured_array(x):
    return np.sum(np.abs(ROOTS * x + x**2) ** 2) + np.sum(ROOTS * np.exp(1j * x)).imag


def continued_fraction(a):
    z = 1j
    for i in range(len(a) - 1, -1, -1):
        z = a[i] + (1.0 - 0.5j) / z
    return z.real / z.imag


A, B = numbers(6, seed=1), numbers(6, seed=2)
PROGRAMS = [
    case(damped_oscillator, (1.0, 0.3, 2.0, np.linspace(0.1, 4.0, 9)), (1.0, 4.0, 2.0, np.linspace(0.1, 4.0, 9)),
         argnums=(0, 1, 2)),
    case(impedance_network, (20.0, 0.03, 2e-5, 900.0), argnums=(0, 1, 3)),
    case(fresnel_reflectance, (1.5, 0.8, 0.7), argnums=(0, 1, 2)),
    case(escape_potential, (0.4, 0.5, 100), (-0.2, 1.3, 40), argnums=(0, 1)),
    case(newton_root, (0.7, 1.9), argnums=(0, 1)),
    case(moebius, (0.7, -0.4), argnums=(0, 1)),
    case(elementary, (0.4, 0.7), (-1.3, 0.6), argnums=(0, 1)),
    case(powers, (0.7, 0.4), (1.3, -0.6), argnums=(0, 1)),
    case(parts, (0.7, -0.4), argnums=(0, 1)),
    case(polar_form, (1.3, 0.6), argnums=(0, 1)),
    case(mixed_types, (0.3, 4)),
    case(real_becomes_complex, (0.7, 5)),
    case(branches, (0.7, 0.3), (0.2, 0.3), (0.2, -0.3), argnums=(0, 1)),
    case(squared_abs_at_zero, (0.0, 0.0), (0.3, -0.2), argnums=(0, 1)),
    case(early_return, (0.4, 0.5), argnums=(0, 1)),
    case(single_precision, (np.float32(0.3), numbers(4, dtype=np.float32)), argnums=(0, 1)),
    case(widths_mixed, (0.3, numbers(4, dtype=np.float32)), argnums=(0, 1)),
    case(with_a_callee, (0.7, -0.4), argnums=(0, 1)),
    case(inactive_complex_argument, (0.7, 0.3 - 1j)),
    case(best_of_complex, (A, 0.3), argnums=(0, 1)),
    case(power_spectrum, (A, B), argnums=(0, 1)),
    case(radix_two_transform, (numbers(8), numbers(8, seed=3)), argnums=(0, 1)),
    case(transform_in_stages, (numbers(9), numbers(9, seed=3), 3, 2), argnums=(0, 1)),
    case(stockham, (numbers(8), numbers(8, seed=3), 2, 3), argnums=(0, 1)),
    case(transfer_matrices, (1.5 + 0.1 * A, 0.3 + 0.1 * B, 0.6), argnums=(0, 1, 2)),
    case(contour_integral, (numbers(3, 3, 3), 2, np.array([0.7 + 0.4j, -1.1 + 0.3j, 0.2 - 0.6j]), 0),
         (numbers(3, 3, 3), 2, np.array([0.7 + 0.4j, -1.1 + 0.3j, 0.2 - 0.6j]), 1)),
    case(nodal_analysis, (np.abs(A), np.abs(B), numbers(6), 1.3), argnums=(0, 1, 2, 3)),
    case(expectation, (A, B), argnums=(0, 1)),
    case(evolution, (numbers(8), numbers(8, seed=3), 4), argnums=(0, 1)),
    case(spin_chain, (A,)),
    case(reductions, (A, B), argnums=(0, 1)),
    case(along_axes, (numbers(3, 4),)),
    case(products, (numbers(4, 4), numbers(4)), (numbers(9, 9), numbers(9)), argnums=(0, 1)),
    case(matrix_functions, (numbers(4, 4), numbers(4)), argnums=(0, 1)),
    case(rearranged, (A, B), argnums=(0, 1)),
    case(parts_of_arrays, (np.abs(A), B), argnums=(0, 1)),
    case(complex_in_place, (A, 3)),
    case(picked, (A, np.array([0, 3, 1, 3, 2, 0]))),
    case(list_of_complex, (0.7,)),
    case(captured_array, (0.7,)),
    case(continued_fraction, (A,)),
]  # fmt: skip
