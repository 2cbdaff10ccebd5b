"""Plain numeric functions of every kind srcdiff accepts, each with arguments: `PROGRAMS`."""

from tests.programs import (
    arrays,
    binding,
    bounded,
    calls,
    conditions,
    early,
    elementwise,
    exits,
    grids,
    iteration,
    loops,
    mathematics,
    matrices,
    nests,
    products,
    scalars,
    selections,
    stores,
    temporaries,
)
from tests.programs.table import Program

__all__ = ["PROGRAMS", "Program"]

FILES = [
    scalars,
    conditions,
    loops,
    nests,
    iteration,
    exits,
    early,
    arrays,
    stores,
    temporaries,
    grids,
    elementwise,
    calls,
    binding,
    mathematics,
    selections,
    bounded,
    products,
    matrices,
]

PROGRAMS: list[Program] = [program for file in FILES for program in file.PROGRAMS]
