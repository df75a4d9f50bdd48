"""All methods by all metrics, and which of the paper's claims hold."""
