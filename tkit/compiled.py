"""Loops over arrays, compiled by numba once and from then on loaded without it.

Importing numba and its registries costs a process a second, more than most scores take. So a kernel
is compiled on its first call ever, its machine code is kept on disk, and later processes hand that
code to LLVM, in milliseconds. The same kernel is one of the same byte code, the functions and
constants that it names included, for the same processor and versions of Python and LLVM.

Kernels are plain Python functions of C-contiguous arrays and numbers, which raise nothing and
allocate nothing: what they write to is given to them. Slices of arrays are free.

>>> import numpy
>>> @compiled("float64(float64[:], float64)")
... def squared(values, centre):
...     total = 0.0
...     for value in values:
...         total += (value - centre) * (value - centre)
...     return total
>>> squared(numpy.arange(4.0), 1.0)
6.0
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from tkit.errors import OutputError
from tkit.files import atomic_path

_LOCK = threading.RLock()  # LLVM's linker is one for the process
_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
}  # no fastmath: results are those of the source
_INNER: dict[str, Any] = {**_OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_BYTES = ctypes.c_char * 0
_DIGEST = hashlib.sha256().digest_size


def compiled(signature: str) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a kernel of a function.

    Parameters
    ----------
    signature : str
        Type of the result and of each parameter by NumPy's names, ``:`` for every axis of an array:
        ``"float64(uint8[:,:], int64)"``; ``void`` where nothing is returned.
    """
    return lambda function: Kernel(function, signature)


class Kernel:
    """A compiled function; ``python`` is its source, run by the interpreter."""

    def __init__(self, function: Any, signature: str) -> None:
        self.python, self.signature = function, signature
        self.__doc__, self.__name__ = function.__doc__, function.__name__
        result, *parameters = re.findall(r"(\w+)(\[[:,]+\])?", signature)
        self._result = None if result[0] == "void" else np.dtype(result[0])
        self._parameters = [(np.dtype(name), axes.count(":")) for name, axes in parameters]
        self._call: Callable[..., Any] | None = None

    def __call__(self, *arguments: Any) -> Any:
        """Run it, without holding the GIL.

        Raises
        ------
        TypeError
            If an array has other values or axes than the signature says, or is not contiguous.
        """
        call = self._call or self._load()
        flat: list[Any] = []
        for argument, (dtype, axes) in zip(arguments, self._parameters, strict=True):
            if not axes:
                flat.append(argument)
                continue
            shape = argument.shape
            if len(shape) != axes or argument.dtype != dtype or not argument.flags.c_contiguous:
                raise TypeError(f"{self.__name__}: no contiguous array as in {self.signature}")
            # NumPy takes microseconds to say where its data are; this way is quick.
            writable = argument.flags.writeable
            flat.append(_BYTES.from_buffer(argument) if writable else argument.ctypes.data)
            flat += shape
        return call(*flat)

    def _load(self) -> Callable[..., Any]:
        """Link the machine code, made before if need be, into this process."""
        with _LOCK:
            if self._call is None:
                address = _link(_kept(self), f"{self.python.__module__}.{self.__name__}")
                self._call = ctypes.CFUNCTYPE(self._c(self._result), *self._c_types())(address)
            return self._call

    def _c_types(self) -> Iterator[Any]:
        for dtype, axes in self._parameters:
            yield from [ctypes.c_void_p, *[ctypes.c_int64] * axes] if axes else [self._c(dtype)]

    @staticmethod
    def _c(dtype: np.dtype[Any] | None) -> Any:
        return None if dtype is None else np.ctypeslib.as_ctypes_type(dtype)

    def build(self) -> bytes:
        """Compile it to an object file, whose one symbol is ``entry``."""
        import llvmlite.binding as llvm
        import numba
        from numba import types

        numbers, values, flat = [], [], []
        for index, (dtype, axes) in enumerate(self._parameters):
            kind = getattr(types, dtype.name)
            sizes = [f"n{index}_{axis}" for axis in range(axes)]
            numbers += [f"a{index}", *sizes]
            flat += [types.CPointer(kind), *[types.int64] * axes] if axes else [kind]
            shape = f"({', '.join(sizes)},)"
            values.append(f"carray(a{index}, {shape})" if axes else f"a{index}")
        # numba's callbacks take pointers, not arrays: this one makes arrays of them.
        source = f"lambda {', '.join(numbers)}: kernel({', '.join(values)})"
        inner = _jitted(self.python, {})
        entry = eval(source, {"kernel": inner, "carray": numba.carray})
        result = types.void if self._result is None else getattr(types, self._result.name)
        callback = numba.cfunc(result(*flat), **_OPTIONS)(entry)
        module = llvm.parse_assembly(callback.inspect_llvm())
        return _object_file(module, callback.native_name)


def _jitted(function: FunctionType, done: dict[FunctionType, Any]) -> Any:
    """The function for numba, and so all functions that it calls by their global names."""
    import numba

    if function not in done:
        names = dict(function.__globals__)
        for name, value in _globals(function).items():
            if isinstance(value, FunctionType):
                names[name] = _jitted(value, done)
        copy = FunctionType(function.__code__, names, function.__name__, function.__defaults__)
        done[function] = numba.njit(**_INNER)(copy)
    return done[function]


def _globals(function: FunctionType) -> dict[str, Any]:
    """Global names that a function reads, of its comprehensions, too."""
    names: set[str] = set()
    codes = [function.__code__]
    for code in codes:
        names.update(code.co_names)
        codes += [part for part in code.co_consts if isinstance(part, CodeType)]
    return {name: function.__globals__[name] for name in names if name in function.__globals__}


def _object_file(module: Any, entry: str) -> bytes:
    """Machine code of a module of which nothing but ``entry`` is seen.

    Without a way in from outside, LLVM sees that no error can be returned and drops numba's
    reporting of errors, which would need Python.
    """
    import llvmlite.binding as llvm

    for value in [*module.functions, *module.global_variables]:
        if not value.is_declaration:
            value.linkage = "external" if value.name == entry else "internal"
        if value.name == entry:
            value.name = "entry"
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        reloc="pic",
        codemodel="jitdefault",
        jit=True,
    )
    tuning = llvm.create_pipeline_tuning_options(speed_level=3)
    passes = llvm.create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(module, passes)
    needs = {f.name for f in module.functions if f.is_declaration}
    if any(name.startswith(("NRT_", "numba_", "Py")) for name in needs):
        raise TypeError(f"a kernel allocates or raises: it needs {', '.join(sorted(needs))}")
    return bytes(machine.emit_object(module))


@functools.cache
def _linker() -> tuple[Any, list[Any]]:
    """LLVM's linker of this process, and what it has linked."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.create_lljit_compiler(), []


def _link(code: bytes, name: str) -> int:
    """Address of the entry of an object file, linked into this process for good."""
    import llvmlite.binding as llvm

    linker, linked = _linker()
    builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
    tracker = builder.export_symbol("entry").link(linker, f"{name}.{len(linked)}")
    linked.append(tracker)  # the code is unloaded with it
    return int(tracker["entry"])


def _kept(kernel: Kernel) -> bytes:
    """Machine code of a kernel, from disk if it was ever built for such a process."""
    file = f"{kernel.python.__module__}.{kernel.__name__}-{_identity(kernel)}.o"
    places = list(_places(Path(kernel.python.__code__.co_filename)))
    for place in places:
        with contextlib.suppress(OSError):
            digest, code = (data := (place / file).read_bytes())[:_DIGEST], data[_DIGEST:]
            if hashlib.sha256(code).digest() == digest:  # LLVM would run anything
                return code
    code = kernel.build()
    for place in places:
        with contextlib.suppress(OSError, OutputError), atomic_path(place / file) as temporary:
            temporary.write_bytes(hashlib.sha256(code).digest() + code)
            break
    return code


def _places(source: Path) -> Iterator[Path]:
    """Folders for machine code: numba's own setting, beside the byte code, in the home folder."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(os.environ["NUMBA_CACHE_DIR"])
        return
    if source.is_file():
        yield source.parent / "__pycache__"
    yield Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tkit"


def _identity(kernel: Kernel) -> str:
    """What tells this machine code from any other."""
    import llvmlite.binding as llvm

    told = [
        kernel.signature,
        sys.implementation.cache_tag,
        str(llvm.llvm_version_info),
        llvm.get_host_cpu_name(),
        llvm.get_host_cpu_features().flatten(),
        *_source(kernel.python, set()),
    ]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:20]


def _source(function: FunctionType, seen: set[FunctionType]) -> Iterator[str]:
    """Byte code and constants of a function and of all that it names."""
    seen.add(function)
    codes = [function.__code__]
    for code in codes:
        codes += [part for part in code.co_consts if isinstance(part, CodeType)]
        constants = [part for part in code.co_consts if not isinstance(part, CodeType)]
        yield repr((code.co_code, code.co_names, code.co_varnames, constants))
    yield repr(function.__defaults__)
    for name, value in sorted(_globals(function).items()):
        if isinstance(value, FunctionType):
            if value not in seen:
                yield from _source(value, seen)
        elif not isinstance(value, ModuleType):
            yield f"{name} = {value!r}"
