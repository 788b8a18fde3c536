"""The life of one batch once it is open: ordered, asked about, settled or ended, and its troubles contained."""
