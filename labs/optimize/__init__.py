"""One file an optimization: export, quantize, prune, train.

Import the one you need; this package stays light.
"""
