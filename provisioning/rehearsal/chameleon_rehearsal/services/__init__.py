"""The OpenStack services that are played, one file each, in one application on one port."""
