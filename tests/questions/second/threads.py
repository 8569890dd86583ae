"""Another right way to write the functions of "Threads, memory, first photo"."""


def amdahl(times, cores):
    alone = (cores / times - 1) / (cores - 1)
    return 1 - alone, 1 / alone
