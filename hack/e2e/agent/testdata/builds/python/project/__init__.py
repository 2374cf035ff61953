import ctypes
import os

_fast = ctypes.CDLL(os.path.join(os.path.dirname(__file__), "fast.so"))


def sum(a, b):
    return _fast.sum(a, b)


def main():
    print("python:", sum(2, 40))
