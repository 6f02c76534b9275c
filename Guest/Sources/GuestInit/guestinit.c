#include "guestinit.h"
