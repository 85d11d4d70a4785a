<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\Cron\Model\Schedule;
use Magento\Framework\DataObject;
use MagentoEventBridge\Agent\Capture\Captures;
use MagentoEventBridge\Agent\Capture\Surroundings;
use MagentoEventBridge\Agent\Capture\Toggles;
use MagentoEventBridge\Agent\Handover\TransactionBuffer;
use MagentoEventBridge\Agent\Snapshot\CronJob;
use MagentoEventBridge\Agent\Snapshot\Snapshot;

/**
 * Tells that a cron job started, and how it ended.
 */
class CronRun implements WatcherInterface
{
    private const FINISHED = 'plugin:cron_schedule.save';
    private const ENDS = [Schedule::STATUS_SUCCESS, Schedule::STATUS_ERROR, Schedule::STATUS_MISSED];

    /**
     * @var CronJob
     */
    private $snapshots;

    /**
     * @var Surroundings
     */
    private $surroundings;

    /**
     * @var Toggles
     */
    private $toggles;

    /**
     * @var Captures
     */
    private $captures;

    /**
     * @var TransactionBuffer
     */
    private $buffer;

    /**
     * Group and start of the jobs that run, by their codes.
     *
     * @var array[]
     */
    private $running = [];

    public function __construct(
        CronJob $snapshots,
        Surroundings $surroundings,
        Toggles $toggles,
        Captures $captures,
        TransactionBuffer $buffer
    ) {
        $this->snapshots = $snapshots;
        $this->surroundings = $surroundings;
        $this->toggles = $toggles;
        $this->captures = $captures;
        $this->buffer = $buffer;
    }

    /**
     * Magento is about to run a job; its name is "cron/<group>/<job>".
     */
    public function on(string $event, DataObject $data): void
    {
        $name = explode('/', (string)$data->getData('job_name'), 3);
        if (count($name) < 3) {
            return;
        }
        $this->running[$name[2]] = [$name[1], microtime(true)];
        $storeId = $this->surroundings->getStoreId();
        if ($this->toggles->isOn($event, $storeId)) {
            $this->tell(
                $event,
                $storeId,
                $this->snapshots->of($name[2], $name[1], Schedule::STATUS_RUNNING, null, null)
            );
        }
    }

    /**
     * Magento has saved a job's place in the schedule: it may have ended.
     */
    public function saved(Schedule $schedule): void
    {
        $status = (string)$schedule->getStatus();
        if ($status === Schedule::STATUS_RUNNING) {
            // Magento saves a job as running just before it says so.
            $this->running[(string)$schedule->getJobCode()] ??= [null, microtime(true)];
            return;
        }
        if (!in_array($status, self::ENDS, true)) {
            return;
        }
        $now = microtime(true);
        $job = (string)$schedule->getJobCode();
        list($group, $start) = $this->running[$job] ?? [null, null];
        unset($this->running[$job]);
        $storeId = $this->surroundings->getStoreId();
        if ($this->toggles->isOn(self::FINISHED, $storeId)) {
            $messages = $schedule->getMessages();
            $this->tell(self::FINISHED, $storeId, $this->snapshots->of(
                $job,
                $group,
                $status,
                $messages === null ? null : (string)$messages,
                $start === null ? null : round($now - $start, 4)
            ));
        }
    }

    private function tell(string $event, int $storeId, Snapshot $snapshot): void
    {
        $capture = $this->captures->make($event, $storeId, $snapshot->getSubject());
        $capture->show($snapshot->getFields());
        $this->buffer->add($capture);
    }
}
