"""Which model a process loads, and what it is told before anything else."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from streamkit.errors import StreamkitError, SynthesisError
from streamkit.tts.worker.engine import Engine
from streamkit.tts.worker.messages import Broken


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """A model by the name of the function that loads it; can be pickled.

    Attributes:
        factory: "package.module:function"; it is imported in the process only. See
            `streamkit.tts.worker.engine.EngineFactory` for what it raises.
        arguments: of the function, by name; they can be pickled.
        extra: of streamkit that brings the packages which the function needs, as in "xtts".
        environment: variables that the process has before anything is imported, unless it was
            started with others.
    """

    factory: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    extra: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def load(self) -> Engine:
        """Load the model; blocking, and long.

        Raises:
            Exception: whatever the function raises; see `explain`.
        """
        for name, value in self.environment.items():
            os.environ.setdefault(name, value)
        module, _, function = self.factory.partition(":")
        load = getattr(importlib.import_module(module), function, None)
        if load is None:
            raise SynthesisError(f"there is no function {function!r} in the module {module!r}")
        engine: Engine = load(**self.arguments)
        return engine

    def explain(self, error: Exception) -> Broken:
        """Say what kept the model from being loaded.

        What streamkit raises on purpose, and a package that cannot be imported, stay as they
        are; everything else may pass.
        """
        first_line = next(iter(str(error).splitlines()), "")
        match error:
            case StreamkitError():
                return Broken(str(error), permanent=True)
            case ImportError():
                mend = f"pip install 'streamkit[{self.extra}]'" if self.extra else "install it"
                if isinstance(error, ModuleNotFoundError) and error.name:
                    what = f"the package {error.name}, which is not installed"
                else:
                    what = f"a package that does not work here ({first_line})"
                return Broken(f"the voice needs {what}: {mend}", permanent=True)
            case _:
                what = f"{type(error).__name__}: {first_line}".rstrip(": ")
                return Broken(f"the voice cannot be loaded ({what})", permanent=False)


@dataclass(frozen=True, slots=True)
class Boot:
    """The first message to a process.

    Attributes:
        spec: what it loads.
        heartbeat: seconds between two reports when there is nothing else to say.
        niceness: how far it steps back behind other processes.
        log_level: of streamkit's log; that of others is WARNING.
    """

    spec: EngineSpec
    heartbeat: float
    niceness: int
    log_level: int
