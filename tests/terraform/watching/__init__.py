"""What watches: metrics, alerts and charts against lines that the code writes."""
