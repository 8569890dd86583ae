"""One file an optimization: export, graph, quantize, prune, slim. Import the one you need; this package stays light."""
