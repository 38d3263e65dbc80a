// Hubel's version, as https://semver.org has it.
#pragma once

#define HUBEL_VERSION "0.1.0"
