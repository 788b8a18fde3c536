"""The neighbours that are ours: GCAccumulator and GCHostPay1, as deployed."""
