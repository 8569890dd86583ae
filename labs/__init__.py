"""The library of the course's notebooks: data, models, measurement, optimizers, widgets."""

import sys

# Altair and nbformat import jsonschema, which compiles a grammar of internationalized addresses
# where it finds this package (Jupyter's server needs it): a second of every process, for a check
# that nothing of the course makes.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
