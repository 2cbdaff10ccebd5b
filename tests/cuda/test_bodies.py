"""The two kernels of the example with bodies: places and speeds that are updated in place, on one tape."""

import importlib.util
from pathlib import Path

import numpy as np

from srcdiff.cuda import Tape, emulated
from tests.cuda.differences import assert_slope

PATH = Path(__file__).resolve().parents[2] / "examples" / "bodies_cuda.py"


def load():
    spec = importlib.util.spec_from_file_location("bodies_cuda", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def flight(module, place, mass, speed):
    tape = Tape()
    for _ in range(6):
        tape.launch(module.kick[1, 32], place, mass, 0.05, speed)
        tape.launch(module.drift[1, 32], speed, 0.05, place)
    return tape


def test_against_differences():
    module = load()
    random = np.random.default_rng(0)
    places, speeds, ways, other_ways, weights = random.standard_normal((5, 4, 2))
    mass = np.full(4, 0.25)

    def moved(step):
        place, speed = places + step * ways, speeds + step * other_ways
        with emulated():
            flight(module, place, mass, speed)
        return float(np.sum(weights * place))

    place, speed = places.copy(), speeds.copy()
    with emulated():
        tape = flight(module, place, mass, speed)
        tape.backward(place, weights)
    # The speeds are only added to: their values are not needed, those of the places are, before each step.
    assert tape.snapshots == 6
    assert_slope(moved, np.sum(tape.shadow(place) * ways) + np.sum(tape.shadow(speed) * other_ways))
