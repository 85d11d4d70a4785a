<?php

declare(strict_types=1);

namespace MagentoEventBridge\Agent\Watcher;

use Magento\User\Model\UserFactory;
use MagentoEventBridge\Agent\Snapshot\Snapshot;

/**
 * Captures that an admin user got a token by name and password, or was refused.
 */
class AdminToken
{
    private const CREATED = 'plugin:admin_token.create';
    private const REFUSED = 'plugin:admin_token.refuse';

    /**
     * @var UserFactory
     */
    private $users;

    /**
     * @var CaptureRecorder
     */
    private $recorder;

    /**
     * @param UserFactory $users
     * @param CaptureRecorder $recorder
     */
    public function __construct(UserFactory $users, CaptureRecorder $recorder)
    {
        $this->users = $users;
        $this->recorder = $recorder;
    }

    /**
     * Captures a login.
     */
    public function created(string $username): void
    {
        if (!$this->recorder->isOn(self::CREATED, null)) {
            return;
        }
        $user = $this->users->create()->loadByUsername($username);
        $this->recorder->record(self::CREATED, null, new Snapshot('user/' . $user->getUserName(), [
            'user_id' => $user->getId(),
            'username' => $user->getUserName(),
            'email' => $user->getEmail(),
        ]));
    }

    /**
     * Captures a refused login.
     */
    public function refused(string $username): void
    {
        if ($this->recorder->isOn(self::REFUSED, null)) {
            $snapshot = new Snapshot('user/' . $username, ['username' => $username]);
            $this->recorder->record(self::REFUSED, null, $snapshot);
        }
    }
}
