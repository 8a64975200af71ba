/** Settings by the names that they had in runs and model files of before. */
const RENAMED: Readonly<Record<string, string>> = {
  'augmentation.enlarge': 'scale',
  'validation.enlarge': 'scale',
  'model.image.deviation': 'std',
  'optimizer.rateFactors': 'learningRateMultipliers',
  'schedule.minimumRate': 'minLearningRate',
};

/** A configuration as it was written, with every setting under the name that it has today. */
export function withTodaysNames<T>(config: unknown, path = ''): T {
  if (Array.isArray(config)) return config.map((value) => withTodaysNames(value, path)) as T;
  if (typeof config !== 'object' || config === null) return config as T;
  const entries = Object.entries(config).map(([key, value]) => {
    const full = path ? `${path}.${key}` : key;
    const name = path === 'augmentation.transforms' && key === 'deviation' ? 'std' : (RENAMED[full] ?? key);
    return [name, withTodaysNames(value, full)];
  });
  return Object.fromEntries(entries) as T;
}

/** Today's name of a setting that was renamed; undefined for every other. */
export function renamedTo(key: string): string | undefined {
  const name = RENAMED[key];
  return name && [...key.split('.').slice(0, -1), name].join('.');
}
