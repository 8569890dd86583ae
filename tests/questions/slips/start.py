"""Slips that newcomers plausibly make in this lesson, collected before the questions' sentences were written."""

import math


def precomputed__asked_for_wasted(photos, share_asked, photos_an_hour, dollars_an_hour):
    """The share that somebody asks for is returned as the wasted part, instead of the rest."""
    dollars = photos / photos_an_hour * dollars_an_hour
    return dollars, dollars * share_asked


def precomputed__hours_upside_down(photos, share_asked, photos_an_hour, dollars_an_hour):
    """The hours are the photos an hour divided by the photos, so the ratio is upside down."""
    hours = photos_an_hour / photos
    dollars = hours * dollars_an_hour
    return dollars, dollars * (1 - share_asked)


def on_demand__rounded_to_nearest(requests_a_second, seconds_each, dollars_an_hour):
    """The number of machines is rounded to the nearest whole number instead of up, so they can be too few."""
    load = requests_a_second * seconds_each
    machines = max(1, round(load))
    return machines, 1 - load / machines


def on_demand__one_at_least_forgotten(requests_a_second, seconds_each, dollars_an_hour):
    """The one machine at least is forgotten, so no requests need no machine and the share divides by zero."""
    load = requests_a_second * seconds_each
    machines = math.ceil(load)
    return machines, 1 - load / machines


def over_link__bytes_as_bits(photo_bytes, uplink_bits_a_second, round_trip_s, compute_s):
    """The photo's bytes are divided by bits a second without the factor of eight."""
    return photo_bytes / uplink_bits_a_second + round_trip_s + compute_s


def over_link__round_trip_twice(photo_bytes, uplink_bits_a_second, round_trip_s, compute_s):
    """The round trip is counted twice, once there and once back, though it already holds both ways."""
    upload_s = photo_bytes * 8 / uplink_bits_a_second
    return upload_s + 2 * round_trip_s + compute_s
