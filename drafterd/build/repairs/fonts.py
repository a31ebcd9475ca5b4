"""Fonts that Next.js would fetch at build from a host that cannot be reached: fallbacks stand in for them.

Next.js reads answers from a file where `NEXT_FONT_GOOGLE_MOCKED_RESPONSES` names one (its own tests do so). Turbopack
takes exact addresses only, as its output tells them; webpack does not tell them in Next.js 15, and asks for any.
"""

import json
import re
from dataclasses import replace

from drafterd.build.repairs.situation import Situation
from drafterd.build.repairs.variant import Remedy

SIGN = re.compile(
    r"Failed to fetch .{1,80} from Google Fonts"
    r"|(?:request(?:ing)? |getaddrinfo |connect |fetch).{0,80}fonts\.(?:googleapis|gstatic)\.com"
)
_FILE = ".draft-fonts.cjs"
_ADDRESS = re.compile(r"https://fonts\.googleapis\.com/css2?\?[\w:@.,;&=+%-]{1,2000}(?<!\.)")
_ANSWERS = r"""
const addresses = %s;
// The visitor's own copy of the font where there is one, else the fallback that Next.js adds.
function answer(address) {
  const found = /[?&]family=([^:&]+)/.exec(address);
  const family = (found ? decodeURIComponent(found[1].replace(/\+/g, ' ')) : '').replace(/[^\w -]/g, '') || 'serif';
  return `@font-face { font-family: '${family}'; font-style: normal; font-weight: 100 900; src: local('${family}'); }`;
}
const known = Object.fromEntries(addresses.map((address) => [address, answer(address)]));
module.exports = new Proxy(known, {
  get: (target, name) => target[name] ?? (typeof name === 'string' && name.startsWith('https://') ? answer(name) : undefined),
});
"""


def fallback_fonts(situation: Situation) -> Remedy | None:
    """Answers of our own in the place of the font host's."""
    if situation.major("next") is None:
        return None
    addresses = sorted({found[0] for line in situation.lines for found in _ADDRESS.finditer(line)})
    environment = {
        **situation.variant.build_environment,
        "NEXT_FONT_GOOGLE_MOCKED_RESPONSES": str(situation.root / _FILE),
    }
    return Remedy(
        summary="the host of the fonts cannot be reached: built with fallback fonts",
        variant=replace(situation.variant, build_environment=environment),
        files={_FILE: (_ANSWERS % json.dumps(addresses)).encode()},
    )
