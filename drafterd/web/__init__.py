"""What people and programs see over HTTP: the API with its status page, and the edge.

Two servers on purpose: the API changes things and is never behind the proxy; the edge answers
strangers in a draft's place and can change nothing. Both talk to `Control` only.
"""
