"""What a draft may not set for our tools."""

import pytest

from drafterd.domain.steering import steers


@pytest.mark.parametrize(
    "name",
    [
        "LD_PRELOAD",
        "ld_audit",
        "GCONV_PATH",
        "LOCPATH",
        "GLIBC_TUNABLES",
        "NODE_OPTIONS",
        "OPENSSL_CONF",
        "MALLOC_CHECK_",
    ],
)
def test_what_loads_code_or_reads_other_files_is_kept_from_them(name):
    assert steers(name)


@pytest.mark.parametrize(
    "name", ["DATABASE_URL", "OLD_PATH", "LDAP_URL", "GIT_COMMIT", "NODE_TLS_REJECT_UNAUTHORIZED", "TZ", ""]
)
def test_what_apps_are_told_is_not(name):
    assert not steers(name)
