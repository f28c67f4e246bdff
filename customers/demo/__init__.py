"""Made-up data of a made-up operator in real places, for demos, benchmarks and tests.

`places` and `municipalities` say where, `names` and `parties` who, `supply` what they use, `rows` puts a
customer together and `known` holds the three that everybody may rely on: plain Python, the same on every
run. `accounts` and `loading` write. Companies and people are invented; any likeness is chance.
"""
