"""What one deep dive alone needs, by its lesson's id, such as ``labs.deeper.tokens``.

Such a package lies in its lesson's folder, below ``notebooks/source``, so that it leaves with the
lesson. Students have no sources: what they get has the packages here, as plain folders.
"""

from labs.workspace import deeper_packages

# Python looks for ``labs.deeper.tokens`` in each of these folders, the first of which is this one.
__path__ += [str(package.parent) for package in deeper_packages().values()]
