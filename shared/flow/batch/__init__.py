"""The life of one batch: quoted, opened, ordered, asked about, settled or ended, and its troubles contained."""
