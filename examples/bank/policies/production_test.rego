package sluss.gate

import rego.v1

test_placeholder if true
