"""Second right solutions of "Reserve and provision a system"."""


def ends(steps):
    by_name = {step["name"]: step for step in steps}

    def end(name):
        step = by_name[name]
        return step["expected_s"] + max([end(needed) for needed in step["needs"]] or [0])

    return {name: end(name) for name in by_name}
