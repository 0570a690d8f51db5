//! `VERIFY.md`: how to check a dossier with other people's programs.

use crate::hash::Hash;

/// Returns the text for a release of the log `origin` whose manifest `key` signed.
pub(crate) fn text(release: &str, origin: &str, key: &Hash) -> String {
    format!(
        r#"# How to check this dossier

It is about release `{release}`, from the log `{origin}`. Nothing below needs a network.

**Keys first.** `trust/` is a convenience copy: whoever forged a dossier would have put forged keys
there. Get `vkey`, `log-keys.json`, `keys.json` and `trusted_root.json` from whoever runs the log by
another way, put them into a folder of your own (below: `keys/`), and compare their digests by
telephone. The manifest says to be signed by key `{key}`.

## All checks at once

```
sluss-verify . --trust keys
```

Exit code 0: every required check passed. 1: a check failed. 2: none failed, but a required one
could not be made. 3: the input could not be read.

## One by one, with programs that are not ours

Every file is as the manifest says (GNU coreutils, jq):

```
jq -r '.files[] | .sha256 + "  " + .path' manifest.json | sha256sum --check --strict --quiet
```

The manifest is signed. Take the key from `keys.json` (`spki`), then check the envelope's bytes
(Python, securesystemslib; the payload must equal `manifest.json`):

```
python3 - <<'END'
import base64, json
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key
keys = {{k["keyid"]: k["spki"] for k in json.load(open("keys/keys.json"))["keys"]}}
envelope = json.load(open("manifest.dsse.json"))
body = base64.b64decode(envelope["payload"])
kind = envelope["payloadType"].encode()
signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)
[signature] = envelope["signatures"]
key = load_der_public_key(base64.b64decode(keys[signature["keyid"]]))
key.verify(base64.b64decode(signature["sig"]), signed, ec.ECDSA(SHA256()))
assert body == open("manifest.json", "rb").read()
print("the manifest is signed")
END
```

Attestations and their place in the log: `@sigstore/verify` 4.1 or later reads
`attestations/*.sigstore.json` with `keys/trusted_root.json`, the key by its hint, and the
thresholds `tlogThreshold: 1`, `timestampThreshold: 0`.

Events: `events/*.tlog-proof` are of the form `c2sp.org/tlog-proof@v1` over the bytes of the file of
the same name that ends in `.json`. Any program for RFC 6962 checks them: the leaf's hash is
`SHA-256(0x00 || bytes)`. The checkpoint is a signed note: Go's `golang.org/x/mod/sumdb/note` opens
it with the line in `keys/vkey`.

A time-stamp, where there is one:

```
openssl ts -verify -data checkpoint -in checkpoint.tsr -CAfile keys/tsa.pem
```

The bill of materials: any CycloneDX 1.6 validator reads `sbom.cdx.json`.
"#
    )
}
