"""Another right way to write the functions of "Several models and a cache"."""


def rate(hit_share, hit_s, miss_s):
    spent_s = 1000 * hit_share * hit_s + 1000 * (1 - hit_share) * miss_s
    return 1000 / spent_s
