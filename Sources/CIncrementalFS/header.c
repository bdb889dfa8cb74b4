// The header alone is the library; this file holds it to compiling by itself.
#include "incremental_fs.h"
