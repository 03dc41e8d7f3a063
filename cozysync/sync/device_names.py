"""What a newcomer is called."""


def free_name(wanted: str, taken: set[str]) -> str:
    """The name a newcomer gets: two devices of one name could not be told apart."""
    name, n = wanted, 1
    while name in taken:
        n += 1
        name = f"{wanted} {n}"
    return name
