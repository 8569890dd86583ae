"""Other right ways to write the functions of "Serve on the device"."""

import math


def rest(whole_s, parts_s):
    known = math.fsum(parts_s.values())
    return whole_s - known, 1 - known / whole_s


def break_even(device_s, server_s, round_trip_s, photo_bytes):
    server_s += round_trip_s
    if device_s <= server_s:
        return None
    return photo_bytes / ((device_s - server_s) / 8)
