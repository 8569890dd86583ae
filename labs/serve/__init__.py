"""Serving the model: one contract for food predictions, and the servers that keep it.

Import the part you need; this package stays light, since a lesson that only starts a server loads
no model itself.
"""
