"""How requests are divided between the stable revision and the candidate: one interface, a module for each way.

`choice.backend_of` gives the backend that a spec asks for. Each is pure: it makes objects, and reads what is there.
"""
