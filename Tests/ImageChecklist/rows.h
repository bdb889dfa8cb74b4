#pragma once
#include <stdbool.h>

bool row_directory_structure(void);
bool row_corner_cases_of_directories(void);
bool row_number_of_files(void);
bool row_work_after_remount(void);
bool row_children_waiting_for_data(void);
bool row_errors_on_overwrite(void);
bool row_concurrent_reads_and_writes(void);
bool row_several_providers(void);
bool row_dynamic_files_and_data(void);
// Beyond the nine.
bool row_command_file(void);
bool row_refused_blocks(void);
bool row_ordinary_means(void);
bool row_damaged_data(void);
bool row_writers_with_more(void);
bool row_killed_daemon(void);
