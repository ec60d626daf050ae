"""What an application may rely on, asked through the public client.

`python check.py --start VOILE` runs these; it makes the network they need.
"""
