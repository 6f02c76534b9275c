"""What schemathesis cannot write by itself."""

import schemathesis

# Compact JWS are text.
schemathesis.serializer.alias("application/jose", "text/plain")
