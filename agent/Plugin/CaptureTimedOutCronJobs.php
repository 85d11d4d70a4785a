<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Plugin;

use Magento\Cron\Model\ConfigInterface;
use Magento\Cron\Observer\ProcessCronQueueObserver;
use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Framework\App\Console\Request;
use MagentoEventBridge\Agent\Gate;
use MagentoEventBridge\Agent\Watcher\CronRun;

/**
 * Captures cron jobs that Magento marks as timed out, by SQL, while it processes their group.
 */
class CaptureTimedOutCronJobs
{
    private const NAME = 'cron_schedule.time_out';
    private const SEPARATE_PROCESS = 'system/cron/%s/use_separate_process';

    /**
     * @var Gate
     */
    private $gate;

    /**
     * @var ConfigInterface
     */
    private $jobs;

    /**
     * @var ScopeConfigInterface
     */
    private $config;

    /**
     * @var Request
     */
    private $request;

    /**
     * @var array[]
     */
    private $running = [];

    /**
     * @param Gate $gate
     * @param ConfigInterface $jobs
     * @param ScopeConfigInterface $config
     * @param Request $request
     */
    public function __construct(Gate $gate, ConfigInterface $jobs, ScopeConfigInterface $config, Request $request)
    {
        $this->gate = $gate;
        $this->jobs = $jobs;
        $this->config = $config;
        $this->request = $request;
    }

    /**
     * Notes which jobs are marked as running.
     *
     * @param ProcessCronQueueObserver $subject
     * @return void
     */
    public function beforeExecute(ProcessCronQueueObserver $subject): void
    {
        $this->gate->run(self::NAME, CronRun::class, function (CronRun $cronRun): void {
            $this->running = $cronRun->running($this->jobsOfThisProcess());
        });
    }

    /**
     * Captures those that Magento has given up.
     *
     * @param ProcessCronQueueObserver $subject
     * @param mixed $result
     * @return mixed
     */
    public function afterExecute(ProcessCronQueueObserver $subject, $result)
    {
        $this->gate->run(self::NAME, CronRun::class, function (CronRun $cronRun): void {
            $cronRun->timedOut($this->running);
        });
        $this->running = [];

        return $result;
    }

    /**
     * Returns the codes of the jobs that this process handles: each is handled by one process.
     *
     * @return string[]
     */
    private function jobsOfThisProcess(): array
    {
        $only = $this->request->getParam('group');
        $codes = [];
        foreach ($this->jobs->getJobs() as $group => $jobs) {
            $isHere = $only !== null
                ? trim((string)$only, "'") === (string)$group
                : !$this->config->isSetFlag(sprintf(self::SEPARATE_PROCESS, $group));
            if ($isHere) {
                $codes = array_merge($codes, array_keys($jobs));
            }
        }

        return array_map('strval', $codes);
    }
}
