// The map from PyTorch's learning-rate schedulers: the parameters of the constructors after the optimizer.
export const schedulerRows: Readonly<Record<string, string>> = {
  LambdaLR: 'lr_lambda',
  MultiplicativeLR: 'lr_lambda',
  StepLR: 'step_size | gamma',
  MultiStepLR: 'milestones | gamma',
  ConstantLR: '| factor total_iters',
  LinearLR: '| start_factor end_factor total_iters',
  ExponentialLR: 'gamma',
  PolynomialLR: '| total_iters power',
  CosineAnnealingLR: 'T_max | eta_min',
  CosineAnnealingWarmRestarts: 'T_0 | T_mult eta_min',
  CyclicLR:
    'base_lr max_lr | step_size_up step_size_down mode gamma scale_mode cycle_momentum base_momentum max_momentum',
  OneCycleLR:
    'max_lr | total_steps epochs steps_per_epoch pct_start anneal_strategy cycle_momentum base_momentum max_momentum ' +
    'div_factor final_div_factor three_phase',
  SWALR: 'swa_lr | anneal_epochs anneal_strategy',
  ReduceLROnPlateau: '| mode factor patience threshold threshold_mode cooldown min_lr eps',
};
