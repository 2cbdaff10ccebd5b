"""Arrays that offer only DLPack, and the streams of other libraries: with exporters that say that they are on a GPU."""

import ctypes
from types import SimpleNamespace

import numpy as np
import pytest

from srcdiff.cuda import Tape, batch, emulated, kernel
from srcdiff.cuda.device import Emulator, Gpu, current
from srcdiff.cuda.dlpack import NOT_ORDERED, DlpackArray, Tensor, Versioned
from srcdiff.cuda.received import is_on_device, received
from srcdiff.errors import UnsupportedDtype
from tests.cuda.differences import assert_slope
from tests.cuda.primals import heat


class Exporter:
    """An array that offers DLPack alone, and says that its memory is that of a GPU."""

    def __init__(self, array, device=2, versioned=True):
        self.array, self.device, self.versioned = array, device, versioned
        self.streams = []

    def __dlpack_device__(self):
        return (self.device, 0)

    def __dlpack__(self, *, stream=None, **newer):
        if newer and not self.versioned:
            raise TypeError("unexpected keyword argument 'max_version'")
        self.streams.append(stream)
        return self.array.__dlpack__(**newer)


class WithHostMemory(Emulator):
    """An emulator that takes arrays of the device, whose memory is that of the host here."""

    def array(self, x, stream):
        if not is_on_device(x):
            return super().array(x, stream)
        interface = x.__cuda_array_interface__
        host = SimpleNamespace(__array_interface__={**interface, "version": 3}, owner=x)
        return np.asarray(host)

    def can_write(self, x):
        return is_on_device(x) or super().can_write(x)

    def number(self, stream):
        return stream or 1

    def zeros(self, shape, dtype, stream):
        return np.zeros(shape, dtype)


@pytest.fixture
def on_device():
    token = current.set(WithHostMemory())
    yield
    current.reset(token)


@pytest.mark.parametrize("versioned", [True, False])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0),
        np.ones((2, 3), np.float32),
        np.arange(12.0).reshape(3, 4)[::2, 1:],
        np.arange(4, dtype=np.int32)[::-1],
        np.array([True, False]),
        np.zeros((0, 3)),
        np.zeros(3, np.complex64),
        np.array(2.5),
    ],
    ids=lambda a: f"{a.dtype}-{a.shape}" if isinstance(a, np.ndarray) else a,
)
def test_what_a_capsule_says(array, versioned):
    exporter = Exporter(array, versioned=versioned)
    found = received(exporter, 7)
    assert exporter.streams == [7]
    interface = found.__cuda_array_interface__
    assert found.shape == array.shape
    assert interface["data"] == (array.__array_interface__["data"][0], False)
    assert np.dtype(interface["typestr"]) == array.dtype
    if array.size and interface["strides"] is not None:
        assert interface["strides"] == array.strides


def test_the_capsule_keeps_the_memory():
    array = np.arange(5.0)
    found = received(Exporter(array))
    base = np.asarray(SimpleNamespace(__array_interface__=found.__cuda_array_interface__))
    del array
    np.testing.assert_array_equal(base, np.arange(5.0))


def test_what_must_not_be_written():
    fixed = np.arange(3.0)
    fixed.flags.writeable = False
    assert received(Exporter(fixed)).__cuda_array_interface__["data"][1]
    x = Exporter(np.arange(3.0))
    x.__cuda_array_interface__ = {"version": 2, "data": (0, True)}  # JAX says so only here
    assert received(x).__cuda_array_interface__["data"][1]


def test_what_is_no_array_on_a_gpu():
    host = np.arange(3.0)
    assert received(host) is host
    np.testing.assert_array_equal(received(Exporter(host, device=1)), host)
    other = Exporter(host, device=10)
    assert received(other) is other
    with_stream = Exporter(host)
    with_stream.__cuda_array_interface__ = {
        "version": 3,
        "stream": 5,
        "shape": (3,),
        "typestr": "<f8",
        "data": (8, False),
    }
    assert received(with_stream).owner is with_stream


def capsule_with(**fields):
    tensor = Tensor(ndim=0, code=2, bits=64, lanes=1, device_type=2)
    managed = Versioned(major=fields.pop("major", 1), tensor=tensor)
    for name, value in fields.items():
        setattr(managed.tensor, name, value)
    made = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
        ("PyCapsule_New", ctypes.pythonapi)
    )
    return made(ctypes.addressof(managed), b"dltensor_versioned", None), managed


def test_what_is_not_known():
    capsule, _kept = capsule_with(code=4, bits=16)
    with pytest.raises(UnsupportedDtype, match="bfloat16"):
        DlpackArray(capsule)
    capsule, _kept = capsule_with(lanes=4)
    with pytest.raises(UnsupportedDtype):
        DlpackArray(capsule)
    capsule, _kept = capsule_with(major=2)
    with pytest.raises(BufferError, match="version 2"):
        DlpackArray(capsule)
    capsule, _kept = capsule_with(data=64, byte_offset=16)
    assert DlpackArray(capsule).__cuda_array_interface__["data"] == (80, False)


def test_a_batch(on_device):
    x, y = Exporter(np.arange(40.0)), Exporter(np.linspace(1.0, 2.0, 40), versioned=False)
    product = batch(lambda x, y, a: a * x * y * y, shared=("a",), threads=32)
    value, (x_bar, y_bar, a_bar) = product.value_and_grad(x, y, 3.0, stream=9)
    assert x.streams == y.streams == [9]
    np.testing.assert_allclose(value, 3.0 * x.array * y.array**2)
    np.testing.assert_allclose(x_bar, 3.0 * y.array**2)
    np.testing.assert_allclose(y_bar, 6.0 * x.array * y.array)
    np.testing.assert_allclose(a_bar, np.sum(x.array * y.array**2))
    assert "x_bar" in product.gradient_source(x, y, 3.0)
    assert x.streams[-1] == NOT_ORDERED


def test_a_batch_of_arrays_of_the_host():
    x = Exporter(np.arange(4.0), device=1)
    with emulated():
        assert np.array_equal(batch(lambda x: x * x).value(x), [0.0, 1.0, 4.0, 9.0])


def test_a_kernel(on_device):
    u, c, out = Exporter(np.arange(32.0) ** 2), Exporter(np.array([0.2])), Exporter(np.zeros(32))
    step = kernel(heat)
    step[1, 32, 5](u, c, out)
    assert u.streams == out.streams == [5]
    np.testing.assert_allclose(out.array[1:-1], u.array[1:-1] + 0.4)
    shadows = [Exporter(np.zeros(32)), Exporter(np.zeros(1)), Exporter(np.ones(32))]
    step.adjoint[1, 32](u, c, out, *shadows)
    np.testing.assert_allclose(shadows[1].array, [2.0 * 30])
    assert not shadows[2].array.any()
    fixed = np.zeros(32)
    fixed.flags.writeable = False
    with pytest.raises(TypeError, match="`out` is read-only"):
        step[1, 32](u, c, Exporter(fixed))
    with pytest.raises(TypeError, match="shadow of `u` is read-only"):
        step.adjoint[1, 32](u, c, out, Exporter(fixed), *shadows[1:])


def test_shadows_of_the_host_are_refused(on_device, monkeypatch):
    monkeypatch.setattr(WithHostMemory, "can_write", lambda self, x: is_on_device(x))
    u, c, out = Exporter(np.ones(32)), Exporter(np.array([0.2])), Exporter(np.zeros(32))
    with pytest.raises(TypeError, match="the shadow of `u` is a ndarray"):
        kernel(heat).adjoint[1, 32](u, c, out, np.zeros(32), Exporter(np.zeros(1)), Exporter(np.ones(32)))


def test_a_tape(on_device):
    u, c, v = Exporter(np.arange(32.0) ** 2), Exporter(np.array([0.2])), Exporter(np.zeros(32))
    start = u.array.copy()
    tape, step = Tape(), kernel(heat)[1, 32]
    tape.launch(step, u, c, v)
    tape.launch(step, v, c, u)
    tape.backward(u, Exporter(np.full(32, 2.0)))
    assert tape.snapshots == 1

    def total(step):
        once = start.copy()
        for _ in range(2):
            once[1:-1] += (0.2 + step) * (once[:-2] - 2.0 * once[1:-1] + once[2:])
        return 2.0 * once.sum()

    assert_slope(total, tape.shadow(c)[0])


# ------------------------------------------------------------------------------------------------- streams


class Stream:
    def __init__(self, number):
        self.number = number

    def __int__(self):
        return self.number

    def synchronize(self):
        Cuda.log.append(("wait for", self.number))


class Cuda:
    """As much of `numba.cuda` as orders streams; it writes down what it is asked for."""

    log: list = []  # noqa: RUF012
    external_stream = Stream

    @staticmethod
    def default_stream():
        return Stream(0)

    @staticmethod
    def event(timing):
        found = SimpleNamespace()
        found.record = lambda stream: setattr(found, "of", int(stream))
        found.wait = lambda stream: Cuda.log.append((int(stream), "after", found.of))
        return found


@pytest.fixture
def gpu():
    found = Gpu.__new__(Gpu)
    found.cuda = Cuda
    Cuda.log = []
    return found


def owned_by(stream, **described):
    return SimpleNamespace(__cuda_array_interface__={"version": 3, "stream": stream, **described})


def used(gpu, arrays, stream=0):
    with gpu.ordered(arrays, stream) as chosen:
        Cuda.log.append("run")
    return int(chosen), Cuda.log


def test_arrays_of_one_stream_are_used_on_it(gpu):
    assert used(gpu, [owned_by(40), 3.0, np.ones(2), owned_by(40)]) == (40, ["run"])


@pytest.mark.parametrize("default", [None, 1])
def test_arrays_of_the_default_stream(gpu, default):
    assert used(gpu, [owned_by(default)]) == (0, ["run"])


def test_a_stream_that_is_given_waits_and_is_waited_for(gpu):
    got = used(gpu, [owned_by(40), owned_by(None), owned_by(50)], Stream(50))
    assert got == (50, [(50, "after", 40), (50, "after", 0), "run", (40, "after", 50), (0, "after", 50)])


def test_arrays_of_several_streams(gpu):
    assert used(gpu, [owned_by(40), owned_by(1)]) == (0, [(0, "after", 40), "run", (40, "after", 0)])


def test_an_array_that_was_received_before(gpu):
    """Its owner is asked again: a tape keeps such arrays."""
    kept = [
        received(Exporter(np.ones(2))),
        received(owned_by(40, shape=(2,), typestr="<f8", data=(8, False))),
    ]
    assert used(gpu, kept, Stream(50)) == (
        50,
        [(50, "after", 40), "run", (40, "after", 50), ("wait for", 50)],
    )


def test_an_error_when_something_has_been_started(gpu):
    with pytest.raises(ValueError), gpu.ordered([owned_by(40), Exporter(np.ones(2))], Stream(50)):
        raise ValueError
    assert Cuda.log == [(50, "after", 40), (40, "after", 50), ("wait for", 50)]


def test_streams_of_other_libraries(gpu):
    assert used(gpu, [owned_by(40)], SimpleNamespace(cuda_stream=40)) == (40, ["run"])
    assert used(gpu, [owned_by(40)], SimpleNamespace(ptr=40))[0] == 40


def test_an_owner_that_cannot_be_told_to_wait(gpu):
    """The exporter makes our stream wait for its own; what it starts afterwards must not come before we are done."""
    assert used(gpu, [Exporter(np.ones(2))], Stream(60)) == (60, ["run", ("wait for", 60)])
    assert gpu.number(0) == 1 and gpu.number(Stream(60)) == 60


def test_tensors_are_used_on_the_stream_that_is_current(gpu, monkeypatch):
    torch = SimpleNamespace(
        cuda=SimpleNamespace(current_stream=lambda device: SimpleNamespace(cuda_stream=70))
    )
    monkeypatch.setitem(__import__("sys").modules, "torch", torch)
    tensor = type("Tensor", (Exporter,), {"__module__": "torch"})(np.ones(2))
    assert used(gpu, [tensor]) == (70, ["run"])
