"""Packages that only one deep dive needs, by its lesson's id, such as ``labs.deeper.tokens``.

Such a package is in its lesson's folder, below ``notebooks/source``, so that it leaves with the
lesson. Students have no sources; in their archive, the packages are here, as plain folders.
"""

from labs.workspace import deeper_packages

# Python looks for ``labs.deeper.tokens`` in each of these folders, the first of which is this one.
__path__ += [str(package.parent) for package in deeper_packages().values()]
