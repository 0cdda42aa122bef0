//! when each check is asked, and by whom
