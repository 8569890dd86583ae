"""Second right solutions of "Batch or online, cloud or edge"."""


def precomputed(photos, share_asked, photos_an_hour, dollars_an_hour):
    price = dollars_an_hour / photos_an_hour
    return [price * photos, price * (photos - photos * share_asked)]


def on_demand(requests_a_second, seconds_each, dollars_an_hour):
    machines = 1
    while machines < requests_a_second * seconds_each:
        machines += 1
    paid = machines * dollars_an_hour
    return machines, (paid - requests_a_second * seconds_each * dollars_an_hour) / paid


def over_link(photo_bytes, uplink_bits_a_second, round_trip_s, compute_s):
    return sum([compute_s, round_trip_s, photo_bytes / (uplink_bits_a_second / 8)])
