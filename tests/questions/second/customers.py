"""Second right solutions of "Three customers"."""

import math


def waits(arrivals_h, every_h, photos_an_hour):
    runs = [math.ceil(arrival / every_h) for arrival in arrivals_h]
    return [
        run * every_h + runs.count(run) / photos_an_hour - arrival
        for run, arrival in zip(runs, arrivals_h, strict=True)
    ]


def break_even(photo_bytes, round_trip_s, round_trips, cloud_s, device_s):
    for_photo_s = device_s - (cloud_s + round_trips * round_trip_s)
    if for_photo_s <= 0:
        return None
    return 1 / (for_photo_s / (photo_bytes * 8))
