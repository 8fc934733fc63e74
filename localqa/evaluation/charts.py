"""matplotlib for charts that go into files."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_FONTCONFIG: Final = "FONTCONFIG_FILE"


def pyplot() -> Any:
    """`matplotlib.pyplot`, which needs no display; imported at the first chart, for it takes its time."""
    import matplotlib as mpl

    mpl.use("Agg")
    with _no_fontconfig():
        from matplotlib import pyplot as plt
    return plt


@contextmanager
def _no_fontconfig() -> Iterator[None]:
    """Keep fontconfig, which matplotlib asks beside its own search for fonts, from writing its caches."""
    given = os.environ.get(_FONTCONFIG)
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "fonts.conf"
        settings.write_text("<fontconfig/>", encoding="utf-8")
        os.environ[_FONTCONFIG] = str(settings)
        try:
            yield
        finally:
            if given is None:
                del os.environ[_FONTCONFIG]
            else:
                os.environ[_FONTCONFIG] = given
