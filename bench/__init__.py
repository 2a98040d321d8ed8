"""Measurements that anyone can run: a typed report on the screen, raw numbers in a file."""
