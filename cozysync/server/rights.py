"""Who may speak for a vault, by what is verified of its log."""

from cozysync_protocol import ROOT_DEVICE, DeviceId, LogState


def is_enrolled(state: LogState, device: DeviceId) -> bool:
    """Whether this device, or the root, may speak for the vault."""
    if device == ROOT_DEVICE:
        return True
    known = state.devices.get(device)
    return known is not None and not known.revoked


def signing_key(state: LogState, device: DeviceId) -> bytes | None:
    """With what this device, revoked or not, or the root signs; None for one never enrolled."""
    if device == ROOT_DEVICE:
        return state.root_signing
    known = state.devices.get(device)
    return known.keys.signing if known is not None else None
