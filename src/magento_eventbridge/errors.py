"""The errors that a command reports in one sentence, and the exit status of each.

    BridgeError                        1
    ├── AgentError                     1  the Magento module cannot be installed or checked
    │   └── NoStoreError               2  the folder is no Magento store
    ├── AwsError                       1  AWS refused a command's request, or was not reached
    ├── CredentialsError               1  there are no usable AWS credentials
    ├── DatabaseError                  1  the store's database is unavailable or refuses
    │   └── LoginRefusedError          1  it refuses the user or the password
    ├── EditError                      1  a file of own events cannot be changed as asked
    ├── EndpointError                  1  a global endpoint cannot be used from here
    ├── ExportError                    1  a file of `events export` cannot be read or written
    ├── HandOverError                  1  captures could not be handed to a running bridge
    ├── LedgerError                    1  the ledger cannot be read or written
    ├── ListenError                    1  an address cannot be listened on
    ├── LogFileError                   1  the log file cannot be opened
    ├── LoginLinkError                 1  no login link for the console can be created
    ├── NewerSchemaError               1  a file was written by a newer version
    ├── NotificationError              1  a notification cannot be sent, or a channel not be used
    ├── ProgressError                  1  the progress of a backfill cannot be kept
    ├── QueueError                     1  a queue cannot be used now
    ├── RegionError                    1  AWS has no such region
    ├── SettingsError                  2  settings cannot be used
    ├── StorageError                   1  the arrays of a large event cannot be stored in S3
    ├── SwitchError                    2  a name is no event, or no store view
    └── WindowError                    2  an option of backfill or audit makes no sense

Each class is defined where it is raised. Errors that never reach a person unexplained, such as an
invalid capture, which becomes a dead letter, are not in this tree.
"""

from typing import ClassVar


class BridgeError(Exception):
    """An expected failure; its message says what is wrong, where, and what to do."""

    exit_status: ClassVar[int] = 1


def cause(error: Exception) -> str:
    """Return what an error says; the system's errors without their number and path."""
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 at byte {error.start}"
    return str(error)
