"""What some encoders want before every text, such as E5's ``query: ``."""

import pyarrow as pa
import pyarrow.compute as pc


def prefixed(prefix: str, texts: pa.Array) -> pa.Array:
    """Texts behind a prefix; themselves where it is empty."""
    return pc.binary_join_element_wise(prefix, texts, "") if prefix else texts
