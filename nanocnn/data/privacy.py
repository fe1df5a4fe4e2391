"""Pseudonyms in place of patient ids.

A patient's id becomes its HMAC-SHA256 under the user's key: the same id gives the same pseudonym in
every run and every source, and without the key nobody can find the id by trying all ids. The key is
used while a data set is opened and kept nowhere: not in the data set, its pickle, or a model.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from .errors import DataError

TEMPORARY = "temporary-"  # how pseudonyms begin that hold in this process only
PERMANENT = "patient-"
_DIGITS = 32  # 128 bits: no two patients meet by chance, and a table stays readable
_SHORTEST_KEY = 16
_process_key = secrets.token_bytes(32)


def pseudonym(patient_id: str, key: bytes | str | None) -> str:
    """Return what stands for a patient in a data set.

    Parameters
    ----------
    patient_id : str        spaces around it do not count, as in DICOM
    key : bytes, str or None
        16 bytes or more, secret. None: a random key of this process, so that pseudonyms are the
        same within one run but not in the next; they then begin with "temporary-".

    Returns
    -------
    pseudonym : str         "patient-" and the first 32 hexadecimal digits of the HMAC-SHA256

    Raises
    ------
    DataError
        If the key is too short to be secret.

    Examples
    --------
    >>> pseudonym("4711", "a key of sixteen or more bytes")
    'patient-1c54f4c55965b7d6f715e13a74e9ebcc'
    """
    secret = check_key(key)
    digest = hmac.new(secret or _process_key, patient_id.strip().encode(), hashlib.sha256)
    return (PERMANENT if secret else TEMPORARY) + digest.hexdigest()[:_DIGITS]


def check_key(key: bytes | str | None) -> bytes | None:
    """Return the key as bytes; the error does not show it."""
    if key is None:
        return None
    if not isinstance(key, bytes | str):
        raise DataError(f"the key is of the type {type(key).__name__}; give bytes or a str")
    secret = key.encode() if isinstance(key, str) else key
    if len(secret) < _SHORTEST_KEY:
        raise DataError(
            f"the key has {len(secret)} bytes; needed are {_SHORTEST_KEY} or more, for example "
            "secrets.token_bytes(32), kept in a file of your own"
        )
    return secret
