"""The configuration: one frozen model, read from a YAML file, the environment and the command line.

A package of its own below everything that acts, because a value that has been loaded is valid and
complete: nobody else checks, defaults or converts.
"""

from drafterd.config.credentials import keep_secret, operator_values
from drafterd.config.draft import DraftConfig
from drafterd.config.model import DEFAULT_ENV, Config

__all__ = ["DEFAULT_ENV", "Config", "DraftConfig", "keep_secret", "operator_values"]
