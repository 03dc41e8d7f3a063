"""Keys and everything that is done with them."""

from cozysync.vault.device import DeviceKeys
from cozysync.vault.enroll import (
    CreatedVault,
    NewEpoch,
    Recovered,
    add_device,
    create_vault,
    recover,
    secrets_for_device,
    start_epoch,
    vault_keys_for_root,
    vault_keys_from_log,
)
from cozysync.vault.errors import CozyError, ExitCode
from cozysync.vault.failures import (
    BadKey,
    BadName,
    BadPhrase,
    CannotOpen,
    MissingEpoch,
    NotEnrolled,
    SecretError,
    SecretsFileDamaged,
    SecretsFileExposed,
    SecretsFileMissing,
)
from cozysync.vault.keyring import CHUNK_OVERHEAD, FIRST_EPOCH, MAX_DEVICE_NAME, VaultKeys
from cozysync.vault.labels import Label
from cozysync.vault.pairing import Grant, Join, Newcomer, Offer, PairingFailed, WrongCode
from cozysync.vault.pairing_code import MAX_MAILBOX, BadCode, PairingCode, new_code, parse_code
from cozysync.vault.phrase import PHRASE_WORDS, RootKeys, complete_word, near_words, new_phrase
from cozysync.vault.phrase_search import misplaced_words
from cozysync.vault.seal import Entropy
from cozysync.vault.secrets_file import Secrets, load_secrets, save_secrets

__all__ = [
    "CHUNK_OVERHEAD",
    "FIRST_EPOCH",
    "MAX_DEVICE_NAME",
    "MAX_MAILBOX",
    "PHRASE_WORDS",
    "BadCode",
    "BadKey",
    "BadName",
    "BadPhrase",
    "CannotOpen",
    "CozyError",
    "CreatedVault",
    "DeviceKeys",
    "Entropy",
    "ExitCode",
    "Grant",
    "Join",
    "Label",
    "MissingEpoch",
    "NewEpoch",
    "Newcomer",
    "NotEnrolled",
    "Offer",
    "PairingCode",
    "PairingFailed",
    "Recovered",
    "RootKeys",
    "SecretError",
    "Secrets",
    "SecretsFileDamaged",
    "SecretsFileExposed",
    "SecretsFileMissing",
    "VaultKeys",
    "WrongCode",
    "add_device",
    "complete_word",
    "create_vault",
    "load_secrets",
    "misplaced_words",
    "near_words",
    "new_code",
    "new_phrase",
    "parse_code",
    "recover",
    "save_secrets",
    "secrets_for_device",
    "start_epoch",
    "vault_keys_for_root",
    "vault_keys_from_log",
]
